import quick from "./jest.config.js";

/** @type {import("jest").Config} */
export default {
  ...quick,
  testMatch: ["<rootDir>/test/slow/**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/"],
  globalSetup: "<rootDir>/test/slow/prepared-homes-setup.ts",
  globalTeardown: "<rootDir>/test/slow/prepared-homes-teardown.ts",
  testTimeout: 600_000,
};
