# SPDX-License-Identifier: MIT
"""The little of Grafana's dashboard model that ntc's dashboards need: panels, rows, variables, links.

A panel is a dict as Grafana stores it, without its place: dashboard() lays panels out, row by row, from
left to right. No panel names a datasource: each follows the variable $datasource.
"""
WIDTH = 24  # columns of Grafana's grid
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTOR = 'job=~"$job", instance=~"$instance"'
COLORS = {"PASS": "green", "DROP": "red", "SKIP": "blue", "SSH": "purple"}


def of(metric, **labels):
    """The selected instances' series of a metric. A value that begins with ~ is a regular expression."""
    matchers = [f'{name}=~"{value[1:]}"' if value.startswith("~") else f'{name}="{value}"'
                for name, value in labels.items()]
    return f"{metric}{{{', '.join([SELECTOR, *matchers])}}}"


def rate(metric, **labels):
    return f"rate({of(metric, **labels)}[$__rate_interval])"


def steps(*colors_from):
    """Thresholds: a color, then (value, color) from which others hold."""
    first, *rest = colors_from
    return {"mode": "absolute", "steps": [{"color": first, "value": None}]
            + [{"color": color, "value": value} for value, color in rest]}


PLAIN = steps("text")
ANY_IS_BAD = steps("green", (1, "red"))
FULLNESS = steps("green", (0.7, "orange"), (0.9, "red"))


def target(expr, legend="", instant=False, ref="A"):
    return {"refId": ref, "datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto",
            "instant": instant, "range": not instant, "format": "table" if instant == "table" else "time_series",
            "editorMode": "code"}


def targets(queries, **options):
    """[(expression, legend)] as targets A, B, C ..."""
    return [target(expr, legend, ref=chr(ord("A") + i), **options) for i, (expr, legend) in enumerate(queries)]


def panel(kind, title, description, queries, unit, width, height, options, thresholds=PLAIN, custom=None, **defaults):
    return {"type": kind, "title": title, "description": description, "datasource": DATASOURCE,
            "gridPos": {"w": width, "h": height}, "targets": queries, "options": options,
            "fieldConfig": {"defaults": {"unit": unit, "thresholds": thresholds, "custom": custom or {},
                                         **defaults}, "overrides": []}}


def override(result, name, *properties):
    """Appends an override for the field `name`: (property, value) ..."""
    result["fieldConfig"]["overrides"].append(
        {"matcher": {"id": "byName", "options": name},
         "properties": [{"id": key, "value": value} for key, value in properties]})


def stat(title, description, expr, unit="short", thresholds=PLAIN, width=3, **defaults):
    """One number, with its course behind it."""
    return panel("stat", title, description, [target(expr)], unit, width, 4,
                 {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                  "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
                  "textMode": "auto"}, thresholds, min=0, **defaults)


def chart(title, description, queries, unit="short", width=12, stack=False, thresholds=PLAIN, line=False, **defaults):
    """Lines over time. `line` draws the thresholds."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if stack else 8, "showPoints": "never",
              "spanNulls": False, "stacking": {"mode": "normal" if stack else "none", "group": "A"},
              "thresholdsStyle": {"mode": "dashed" if line else "off"}}
    result = panel("timeseries", title, description, targets(queries), unit, width, 8,
                   {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                               "calcs": ["lastNotNull", "max"]},
                    "tooltip": {"mode": "multi", "sort": "desc"}},
                   thresholds, custom, min=0, color={"mode": "palette-classic"}, **defaults)
    if any("by (action)" in expr for expr, _ in queries):
        for name, color in COLORS.items():
            override(result, name, ("color", {"mode": "fixed", "fixedColor": color}))
    return result


def gauge(title, description, expr, legend, width=6, unit="percentunit", thresholds=FULLNESS, limit=1):
    """A bar for each series, as full as it is."""
    return panel("bargauge", title, description, [target(expr, legend, instant=True)], unit, width, 6,
                 {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                  "displayMode": "lcd", "orientation": "horizontal", "showUnfilled": True, "valueMode": "color"},
                 thresholds, min=0, **({"max": limit} if limit else {}))


def table(title, description, expr, columns, unit="short", width=12, height=8, thresholds=PLAIN, value="Value"):
    """A row for each series; columns: labels to show, in this order, and what heads them."""
    shown = [*columns, "Value"]
    return panel("table", title, description, [target(expr, instant="table")], unit, width, height,
                 {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": value, "desc": True}]},
                 thresholds, {"align": "auto", "cellOptions": {"type": "auto"}},
                 ) | {"transformations": [
                     {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
                     {"id": "organize", "options": {
                         "indexByName": {name: i for i, name in enumerate(shown)},
                         "renameByName": {**columns, "Value": value}}}]}


def row(title, *panels):
    return {"title": title, "panels": panels}


def place(panels, y):
    """Gives the panels their places from line y on; returns them and the line below."""
    placed, x, tallest = [], 0, 0
    for item in panels:
        size = item["gridPos"]
        if x + size["w"] > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        placed.append(item | {"gridPos": {"x": x, "y": y, **size}})
        x, tallest = x + size["w"], max(tallest, size["h"])
    return placed, y + tallest


def lay_out(rows):
    result, y = [], 0
    for each in rows:
        head = {"type": "row", "title": each["title"], "collapsed": False, "panels": [],
                "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}}
        placed, y = place(each["panels"], y + 1)
        result += [head, *placed]
    return [item | {"id": number} for number, item in enumerate(result, 1)]


def variable(name, label, query, description, **options):
    return {"type": "query", "name": name, "label": label, "description": description, "datasource": DATASOURCE,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 7,
            "multi": True, "includeAll": True, "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            **options}


VARIABLES = [
    {"type": "datasource", "name": "datasource", "label": "Datasource", "query": "prometheus", "refresh": 1,
     "description": "Prometheus, or VictoriaMetrics, which speaks its language."},
    variable("job", "Job", "label_values(ntc_build_info, job)", "The scrape job that reads ntc."),
    variable("instance", "Instance", 'label_values(ntc_build_info{job=~"$job"}, instance)',
             "The machines to look at: one, some or all.",
             # All: also one that is down for so long that it isn't among the values any more.
             allValue=".*"),
]
FIRING = {"name": "Alerts", "datasource": DATASOURCE, "enable": True, "iconColor": "red",
          "expr": 'ALERTS{alertstate="firing", alertname=~"Ntc.*", instance=~"$instance"}',
          "titleFormat": "{{alertname}}", "textFormat": "{{instance}}", "step": "60s", "useValueForTime": False}


def dashboard(uid, title, description, rows, since="now-1h"):
    return {"uid": uid, "title": title, "description": description, "tags": ["ntc"], "schemaVersion": 39,
            "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser", "refresh": "10s",
            "time": {"from": since, "to": "now"}, "fiscalYearStartMonth": 0, "weekStart": "",
            "templating": {"list": VARIABLES}, "annotations": {"list": [FIRING]},
            "links": [{"type": "dashboards", "title": "ntc", "tags": ["ntc"], "asDropdown": False, "icon": "external link",
                       "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": ""}],
            "panels": lay_out(rows)}
