/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type ProxyOptions } from "vite";

// npm run dev: the page from here, with hot reloading, everything else from a running ntc.
const ntc = process.env.NTC_URL ?? "http://127.0.0.1:8086";
const paths = ["/events", "/metrics", "/blacklist", "/whitelist", "/flows", "/talkers", "/status"];

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

export default defineConfig({
  plugins: [svelte()],
  server: { port: 5173, strictPort: true, proxy: Object.fromEntries(paths.map((p) => [p, proxy])) },
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // data: URLs are against the policy
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
