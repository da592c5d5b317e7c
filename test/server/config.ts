import { expect } from "chai";
import { formOf, loadConfig, settingNames, settingsTable } from "../../server/config.ts";
import { SETTINGS } from "../../server/settings.ts";

describe("config", () => {
  const refusal = (env: Record<string, string>, given = {}): string => {
    try {
      loadConfig(env, given);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("it was not refused");
  };

  it("has a default for all that is not given; a given one comes before the environment", () => {
    expect(loadConfig({})).to.include({ host: "127.0.0.1", port: 3000, dataDir: ".data", databaseUrl: undefined });
    const env = { RACKBOND_PORT: "0", RACKBOND_LOG: "debug", DATABASE_URL: "postgres://u:p@h/d", HOME: "/x" };
    const config = loadConfig(env, { port: "8080" });
    expect(config).to.include({ port: 8080, logLevel: "debug", databaseUrl: "postgres://u:p@h/d" });
  });

  it("S21: refuses what has another form", () => {
    for (const port of ["", " 1", "01", "1.0", "1e3", "-1", "65536", "NaN", "0x10"])
      expect(refusal({ RACKBOND_PORT: port }), port)
        .to.include("RACKBOND_PORT")
        .and.include("integer from 0 to 65535");
    expect(refusal({ RACKBOND_LOG: "verbose" })).to.include("fatal | error");
    expect(refusal({}, { host: "a b" })).to.include("RACKBOND_HOST");
  });

  it("refuses a RACKBOND_ variable that is no setting, and says all faults at once", () => {
    const message = refusal({ RACKBOND_PROT: "1", RACKBOND_LOG: "x", RACKBOND_PORT: "y" });
    expect(message).to.include("RACKBOND_PROT is no setting").and.include("RACKBOND_LOG").and.include("RACKBOND_PORT");
  });

  it("S13: never prints a secret", () => {
    expect(refusal({ DATABASE_URL: "mysql://u:pass-word@h/d" }))
      .to.include("DATABASE_URL")
      .and.not.include("pass-word");
  });

  it("describes every setting; each default has its own form", () => {
    const table = settingsTable();
    expect(table.map(({ env }) => env)).to.deep.equal(settingNames.map((name) => SETTINGS[name].env));
    for (const row of table) expect(row.description.length, row.env).to.be.greaterThan(10);
    for (const name of settingNames) {
      const { default: value, type } = SETTINGS[name];
      if (value !== undefined) expect(loadConfig({}, { [name]: String(value) })[name], formOf(type)).to.equal(value);
    }
  });
});
