import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// The portal: web/ is built to web/dist, which the API serves. `vite` alone serves it for development beside a running
// API (RACKBOND_API, http://127.0.0.1:3000 when nothing is given).

const root = join(import.meta.dirname, "web");
const api = process.env["RACKBOND_API"] ?? "http://127.0.0.1:3000";

/** The factories of the contracts carry bytecode to deploy; the portal only speaks to what is deployed. */
function withoutBytecode(): Plugin {
  return {
    name: "rackbond:without-bytecode",
    enforce: "pre",
    transform(code, id) {
      if (!/\/types\/factories\/.*__factory\.ts$/.test(id)) return null;
      return { code: code.replace(/(const _bytecode = )"0x[^"]*"/, '$1""'), map: null };
    },
  };
}

export default defineConfig({
  root,
  plugins: [withoutBytecode(), react()],
  worker: { format: "es", plugins: () => [withoutBytecode()] }, // its modules await, as the protocol's hashing does
  build: { outDir: "dist", emptyOutDir: true, target: "es2022", manifest: true, reportCompressedSize: false },
  server: {
    host: "127.0.0.1",
    fs: { allow: [import.meta.dirname] },
    proxy: Object.fromEntries(["/v1", "/docs", "/health", "/ready"].map((path) => [path, { target: api }])),
  },
});
