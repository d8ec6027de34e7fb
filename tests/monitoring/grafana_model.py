# SPDX-License-Identifier: MIT
"""Holds the dashboards against the types that Grafana publishes of its own model (@grafana/schema): a name or
a word that it doesn't know is an error, where Grafana itself would silently pass it over."""
import json
import pathlib
import shutil
import subprocess

from shipped import dashboards, panels

HERE = pathlib.Path(__file__).resolve().parent / "grafana-model"
RAW = "@grafana/schema/dist/esm/raw"
KINDS = {"stat": "Stat", "timeseries": "TimeSeries", "bargauge": "BarGauge", "table": "Table"}
# JSON has no enums: their values will do.
PROLOGUE = f"""
import type {{ Dashboard, AnnotationQuery }} from "{RAW}/dashboard/x/dashboard_types.gen";
type Json<T> = T extends string ? `${{T}}` : T extends number ? number :
    T extends object ? {{ [K in keyof T]: Json<T[K]> }} : T;
"""
# If the types didn't come through, nothing would be wrong any more: this must be.
CONTROL = """
// @ts-expect-error
export const control: Json<Partial<bargauge.Options>> = { displayMode: "no such mode" };
// @ts-expect-error
export const control2: Json<Partial<Dashboard>> = { titel: "" };
"""
# The Prometheus datasource's own fields of an annotation, which the model leaves to it.
OF_PROMETHEUS = {"expr", "step", "titleFormat", "textFormat", "useValueForTime"}


def install(folder):
    """npm's packages of package-lock.json, once."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = HERE / "package-lock.json"
    if (folder / "installed").exists() and (folder / "installed").read_text() == lock.read_text():
        return
    for name in (".npmrc", "package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder, check=True)
    (folder / "installed").write_text(lock.read_text())


def typed(kind, value):
    return f"void ({json.dumps(value)} satisfies Json<{kind}>);\n"


def program():
    text = PROLOGUE + "".join(
        f'import type * as {kind} from "{RAW}/composable/{kind}/panelcfg/x/{name}PanelCfg_types.gen";\n'
        for kind, name in KINDS.items())
    for dashboard in dashboards().values():
        for annotation in dashboard["annotations"]["list"]:
            text += typed("AnnotationQuery", {key: value for key, value in annotation.items()
                                              if key not in OF_PROMETHEUS})
        text += typed("Dashboard", dashboard | {"annotations": {"list": []}})
        for panel in panels(dashboard):
            kind, custom = panel["type"], panel["fieldConfig"]["defaults"]["custom"]
            text += typed(f"Partial<{kind}.Options>", panel["options"])
            if custom:
                text += typed(f"Partial<{kind}.FieldConfig>", custom)
    return text + CONTROL


def complaints(folder):
    """What the compiler has to say about the dashboards; nothing, if all is well."""
    install(folder)
    (folder / "dashboards.ts").write_text(program())
    return subprocess.run(["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
                           "--target", "es2022", "--moduleResolution", "bundler", "dashboards.ts"],
                          cwd=folder, capture_output=True, text=True, timeout=120).stdout
