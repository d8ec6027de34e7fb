// SPDX-License-Identifier: MIT
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
    { ignores: ["dist/", "node_modules/"] },
    ...ts.configs.recommended,
    ...svelte.configs.recommended,
    { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
    {
        files: ["**/*.svelte", "**/*.svelte.ts"],
        languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    },
    {
        rules: {
            eqeqeq: "error",
            "svelte/no-unused-svelte-ignore": "off", // svelte-check knows better which are used
            "svelte/no-at-html-tags": "error",
            "no-restricted-properties": [
                "error",
                { property: "innerHTML", message: "What comes from the network is text." },
            ],
        },
    },
);
