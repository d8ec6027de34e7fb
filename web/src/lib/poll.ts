// SPDX-License-Identifier: MIT
// Calls `work` now and then: `everyMs` after it ended, not while nobody looks at the page. Returns
// how to stop it.

export function poll(work: () => Promise<void>, everyMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  let running = false;

  const turn = async () => {
    clearTimeout(timer);
    if (stopped || running || document.hidden) return;
    running = true;
    await work().catch(() => undefined); // whoever works shows its errors
    running = false;
    if (!stopped) timer = setTimeout(() => void turn(), everyMs);
  };
  const onVisible = () => void turn();
  document.addEventListener("visibilitychange", onVisible);
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}
