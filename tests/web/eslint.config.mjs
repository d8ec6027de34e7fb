// SPDX-License-Identifier: MIT
export { default } from "../../web/eslint.config.js";
