import quick from "./jest.config.js";

/** @type {import("jest").Config} */
export default {
  ...quick,
  testMatch: ["<rootDir>/test/slow/**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/"],
  testTimeout: 600_000,
};
