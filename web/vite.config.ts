/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { readFileSync, readdirSync } from "node:fs";
import { defineConfig, type Plugin, type ProxyOptions } from "vite";

// npm run dev: the page from here, with hot reloading, everything else from a running ntc.
const ntc = process.env.NTC_URL ?? "http://127.0.0.1:8086";
const paths = [
  "/events",
  "/metrics",
  "/blacklist",
  "/whitelist",
  "/flows",
  "/talkers",
  "/history",
  "/alerts",
  "/status",
];

const proxy: ProxyOptions = {
  target: ntc,
  changeOrigin: true,
  configure(server) {
    // ntc refuses writes that another site caused, and this one is another site to it.
    server.on("proxyReq", (request) => {
      if (request.getHeader("origin")) request.setHeader("origin", ntc);
    });
  },
};

// What is handed out with the page must come with its license.
function licenses(): Plugin {
  const folders = ["node_modules/svelte", "node_modules/uplot", "src/fonts"];
  return {
    name: "licenses",
    apply: "build",
    generateBundle() {
      const text = (folder: string) => {
        const name = folder
          .replace("node_modules/", "")
          .replace("src/fonts", "Red Hat Text and Mono");
        const file = readdirSync(folder).find((entry) => /^license/i.test(entry));
        if (!file) throw new Error(`${folder} has no license`);
        return `${name}
${"=".repeat(name.length)}

${readFileSync(`${folder}/${file}`, "utf8")}
`;
      };
      this.emitFile({
        type: "asset",
        fileName: "licenses.txt",
        source: folders.map(text).join("\n"),
      });
    },
  };
}

export default defineConfig({
  plugins: [svelte(), licenses()],
  server: { port: 5173, strictPort: true, proxy: Object.fromEntries(paths.map((p) => [p, proxy])) },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // data: URLs are against the policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    cssCodeSplit: false, // one small file is fewer bytes than five tiny ones
    rollupOptions: { output: { experimentalMinChunkSize: 10_000 } },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
