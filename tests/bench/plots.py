# SPDX-License-Identifier: MIT
"""Small line plots as SVG, readable on light and dark ground."""
import html
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 64, 150, 36, 44
COLOURS = ["#2a78c2", "#d9622b", "#3b9a5b", "#8a5cc0"]


class Axis:
    def __init__(self, values, start, end, log):
        self.log, self.start, self.end = log, start, end
        self.low = min(values) if log else 0
        self.high = max(values) * (1 if log else 1.08) or 1

    def at(self, value):
        if self.log:
            part = math.log(value / self.low) / (math.log(self.high / self.low) or 1)
        else:
            part = value / self.high
        return self.start + part * (self.end - self.start)

    def ticks(self):
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10 ** e for e in range(first, last + 1)]
        step = 10 ** math.floor(math.log10(self.high / 2))
        step *= next(m for m in (1, 2, 5, 10) if self.high / (step * m) <= 6)
        return [step * i for i in range(int(self.high / step) + 1)]


def label(value):
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def text(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {extra}>{html.escape(words)}</text>'


def plot(title, x_name, y_name, lines):
    """`lines`: name -> [(x, y)]. x is logarithmic."""
    x = Axis([p[0] for points in lines.values() for p in points], LEFT, WIDTH - RIGHT, True)
    y = Axis([p[1] for points in lines.values() for p in points], HEIGHT - BOTTOM, TOP, False)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'aria-label="{html.escape(title)}" font-family="sans-serif" font-size="12" fill="#777">',
           text(LEFT, 20, title, "start", 'font-size="14" font-weight="bold"'),
           text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_name),
           text(14, (TOP + HEIGHT - BOTTOM) / 2, y_name,
                extra=f'transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2:.0f})"')]
    for tick in y.ticks():
        out.append(f'<path d="M{LEFT} {y.at(tick):.1f}H{WIDTH - RIGHT}" stroke="#999" stroke-opacity=".3"/>')
        out.append(text(LEFT - 6, y.at(tick) + 4, label(tick), "end"))
    for tick in x.ticks():
        out.append(text(x.at(tick), HEIGHT - BOTTOM + 16, label(tick)))
    labels = 0
    for colour, (name, points) in zip(COLOURS, lines.items()):
        path = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x.at(a):.1f}" cy="{y.at(b):.1f}" r="3" fill="{colour}"/>' for a, b in points]
        labels = max(labels + 15, 0)
        out.append(text(WIDTH - RIGHT + 10, TOP + labels, name, "start", f'style="fill:{colour}"'))
    return "\n".join([*out, "</svg>"]) + "\n"


def draw(r, folder):
    folder.mkdir(parents=True, exist_ok=True)
    if rows := r.get("lists_by_size"):
        (folder / "cost-by-list-size.svg").write_text(plot(
            "Cost of a packet by size of the lists", "entries in each list", "ns", {
                "usual design": [(row["entries"], row["usual_ns"]) for row in rows],
                "ntc, judged anew": [(row["entries"], row["judged_ns"]) for row in rows],
                "ntc, established": [(row["entries"], row["established_ns"]) for row in rows]}))
    if rows := r.get("packet_by_flows"):
        (folder / "cost-by-flows.svg").write_text(plot(
            "Cost of a packet by number of flows", "flows in turn", "ns", {
                "usual design": [(row["flows"], row["usual_ns"]) for row in rows],
                "ntc": [(row["flows"], row["ntc_ns"]) for row in rows]}))
    if rows := r.get("by_flows"):
        (folder / "throughput-by-flows.svg").write_text(plot(
            "Flood: throughput left with ntc", "flows", "% of without", {
                "left": [(row["flows"], 100 * row["left"]) for row in rows],
                "user space, % of a core": [(row["flows"], 100 * row["user_space"]) for row in rows]}))
    if rows := r.get("by_rate"):
        for key, name, title in (("cpu", "cpu-by-rate", "User space's CPU time by packet rate"),
                                 ("seen", "seen-by-rate", "Packets seen by packet rate")):
            tools = dict.fromkeys(row["name"] for row in rows)
            (folder / f"{name}.svg").write_text(plot(
                title, "packets a second", "% of a core" if key == "cpu" else "%", {
                    tool: [(row["rate"], 100 * row[key]) for row in rows if row["name"] == tool] for tool in tools}))
