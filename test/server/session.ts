import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Wallet, hashMessage } from "ethers";
import { expect } from "chai";
import Fastify from "fastify";
import { ROLES } from "../../scripts/governance.ts";
import { buildApp } from "../../server/app.ts";
import { loadConfig, type SettingName } from "../../server/config.ts";
import type { Api } from "../../server/plugins/http.ts";
import { answering } from "../../server/plugins/answering.ts";
import { sendProblem } from "../../server/plugins/problems.ts";
import { sessions } from "../../server/plugins/session.ts";
import type { Challenge, Session } from "../../server/protocol/apiSession.ts";
import type { Problem } from "../../server/protocol/api.ts";
import { AUTHORITY_ROLES, type Role } from "../../server/protocol/roles.ts";
import type { Sources } from "../../server/sources.ts";
import { demandViewer, maySee, type Audience } from "../../server/viewer.ts";
import { refusalOf, sampleSources } from "./sample.ts";

const wallet = new Wallet(`0x${"11".repeat(32)}`);
const other = new Wallet(`0x${"22".repeat(32)}`);

describe("session", () => {
  const apps: Api[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  const realNow = Date.now;
  const build = async (sources: Partial<Sources> = {}, settings: Partial<Record<SettingName, string>> = {}) => {
    const config = loadConfig({}, { logLevel: "silent", requestsPerMinute: "100000", ...settings });
    const app = await buildApp({ config, sources: sampleSources(sources) });
    apps.push(app);
    return app;
  };
  let app: Api;

  before(async () => {
    app = await build({ rolesOf: (address) => Promise.resolve(address === wallet.address ? ["auditor"] : []) });
  });
  beforeEach(() => (Date.now = () => nowMs));
  afterEach(() => (Date.now = realNow));
  after(() => Promise.all(apps.map((each) => each.close())));

  type Headers = Record<string, string>;
  const post = (url: string, payload: object, headers: Headers = {}) =>
    ({ method: "POST", url, payload, headers: { "content-type": "application/json", ...headers } }) as const;
  const challenge = async (on: Api, address = wallet.address, headers: Headers = {}) => {
    const answer = await on.inject(post("/v1/session/challenge", { address }, headers));
    expect(answer.statusCode, answer.body).to.equal(200);
    return answer.json<Challenge>();
  };
  const cookieOf = (header: string | string[] | undefined) => String(header).split(";")[0]!;
  const signIn = async (on: Api, signer = wallet) => {
    const { message } = await challenge(on, signer.address);
    const answer = await on.inject(post("/v1/session", { message, signature: await signer.signMessage(message) }));
    expect(answer.statusCode, answer.body).to.equal(200);
    return { answer, cookie: cookieOf(answer.headers["set-cookie"]) };
  };
  const viewerOf = async (on: Api, cookie: string) =>
    (await on.inject({ url: "/v1/session", headers: { cookie } })).json<Session>().viewer;

  it("opens for who signed the challenge, says who it is and what it is on the chain, and closes", async () => {
    const { message, expiresAt } = await challenge(app);
    expect(message).to.match(/^localhost:80 wants you to sign in with your Ethereum account:\n0x/);
    expect(message).to.include(wallet.address).and.include("Chain ID: 31337").and.include("URI: http://localhost:80");
    expect(Number(expiresAt)).to.equal(nowMs / 1000 + 600);
    const { answer, cookie } = await signIn(app);
    const viewer = { address: wallet.address, roles: ["auditor"], expiresAt: String(nowMs / 1000 + 12 * 3600) };
    expect(answer.json()).to.deep.equal({ viewer });
    expect(answer.headers["set-cookie"])
      .to.match(/; HttpOnly/)
      .and.match(/; SameSite=Strict/)
      .and.match(/Path=\//);
    const who = await app.inject({ url: "/v1/session", headers: { cookie } });
    expect(who.json()).to.deep.equal({ viewer });
    expect(who.headers).to.include({ "cache-control": "private, no-store" });
    expect(who.headers).to.not.have.property("etag");
    const end = await app.inject({ method: "DELETE", url: "/v1/session", headers: { cookie } });
    expect(end.headers["set-cookie"]).to.match(/^rackbond_session=;.*Expires=Thu, 01 Jan 1970/);
    expect(await viewerOf(app, "")).to.equal(null);
  });

  it("takes a contract account's signature where the chain says that it is one", async () => {
    const asked: unknown[] = [];
    const contract = await build({
      takesSignature: (...given) => {
        asked.push(given);
        return Promise.resolve(given[2] === "0x1234");
      },
    });
    const { message } = await challenge(contract, other.address);
    const good = await contract.inject(post("/v1/session", { message, signature: "0x1234" }));
    expect(good.json<Session>().viewer?.address).to.equal(other.address);
    expect(asked).to.deep.equal([[other.address, hashMessage(message), "0x1234"]]);
    const again = (await challenge(contract, other.address)).message;
    const bad = post("/v1/session", { message: again, signature: "0x99" });
    expect(await refusalOf(contract, bad)).to.equal("401 Session_BadSignature");
  });

  it("S12: refuses a challenge of another account, place, chain or program, an old one, and one twice", async () => {
    const open = async (on: Api, message: string, signer = wallet, headers: Headers = {}) =>
      await refusalOf(on, post("/v1/session", { message, signature: await signer.signMessage(message) }, headers));
    const { message } = await challenge(app);
    expect(await open(app, message, other)).to.equal("401 Session_BadSignature");
    expect(await open(app, message.replace(wallet.address, other.address), other)).to.equal(
      "422 Session_UnknownChallenge",
    );
    expect(await open(app, message.replace("Chain ID: 31337", "Chain ID: 1"))).to.equal("422 Session_UnknownChallenge");
    expect(await open(app, message, wallet, { host: "127.0.0.1:3000" })).to.equal("422 Session_OtherHost");
    expect(await open(await build(), message)).to.equal("422 Session_UnknownChallenge");
    expect(await open(app, message.replace("Sign in", "Send all"))).to.equal("422 Session_UnknownChallenge");
    for (const text of [`${message}\n`, message.replace("Nonce: 00", "Nonce: zz")])
      expect(await open(app, text)).to.match(/^422 Session_(NoMessage|UnknownChallenge)$/);
    expect(await open(app, "hello")).to.equal("422 Session_NoMessage");
    nowMs += 600_000;
    expect(await open(app, message)).to.equal("422 Session_ChallengeExpired");
    const fresh = await challenge(app);
    const signature = await wallet.signMessage(fresh.message);
    expect((await app.inject(post("/v1/session", { message: fresh.message, signature }))).statusCode).to.equal(200);
    expect(await open(app, fresh.message)).to.equal("422 Session_ChallengeUsed");
  });

  it("S12: after a restart with the same secret takes its sessions, and no challenge that may have been used before", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rackbond-session-"));
    try {
      const sessionKeyFile = join(folder, "key");
      writeFileSync(sessionKeyFile, "5a".repeat(32), { mode: 0o600 });
      const before = await build({}, { sessionKeyFile });
      const { message } = await challenge(before);
      const sent = post("/v1/session", { message, signature: await wallet.signMessage(message) });
      const cookie = cookieOf((await before.inject(sent)).headers["set-cookie"]);
      const restarted = await build({}, { sessionKeyFile });
      expect((await viewerOf(restarted, cookie))?.address).to.equal(wallet.address);
      expect(await refusalOf(restarted, sent)).to.equal("422 Session_UnknownChallenge");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("S12: gives no challenge to a site that passes requests on, unless it is told to be there", async () => {
    const foreign = post("/v1/session/challenge", { address: wallet.address }, { host: "rackb0nd.example" });
    expect(await refusalOf(app, foreign)).to.equal("422 Session_OtherHost");
    const named = await build({}, { publicUrl: "https://rackbond.example" });
    const { message } = await challenge(named, wallet.address, { host: "anything" });
    expect(message)
      .to.match(/^rackbond\.example wants/)
      .and.include("URI: https://rackbond.example");
    const answer = await named.inject(post("/v1/session", { message, signature: await wallet.signMessage(message) }));
    expect(answer.headers["set-cookie"]).to.match(/; Secure/);
  });

  it("S12: takes no cookie that is changed, of another program, or past its end", async () => {
    const { cookie } = await signIn(app);
    expect((await viewerOf(app, cookie))?.address).to.equal(wallet.address);
    expect(await viewerOf(app, cookie.replace(wallet.address, other.address))).to.equal(null);
    expect(await viewerOf(app, cookie.slice(0, -1))).to.equal(null);
    expect(await viewerOf(await build(), cookie)).to.equal(null);
    for (const bad of ["", "%", "a.b.c", "0".repeat(9000)])
      expect(await viewerOf(app, `rackbond_session=${bad}`)).to.equal(null);
    nowMs += 12 * 3600_000;
    expect(await viewerOf(app, cookie)).to.equal(null);
  });

  it("asks 401 of who is unknown, 403 of who is another, and lets auditors see all", async () => {
    const owner: Audience = { accounts: [other.address], roles: ["compliance"] };
    const viewer = (address: string, ...roles: Role[]) => ({ address, roles, expiresAt: 0n });
    expect(maySee(undefined, owner)).to.equal(false);
    expect(maySee(viewer(wallet.address), owner)).to.equal(false);
    expect(maySee(viewer(wallet.address, "operator"), owner)).to.equal(false);
    for (const seen of [viewer(other.address), viewer(wallet.address, "compliance"), viewer(wallet.address, "auditor")])
      expect(maySee(seen, owner)).to.equal(true);
    const bare = Fastify() as unknown as Api;
    apps.push(bare);
    bare.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
    answering(bare, sampleSources(), { cacheBytes: 1 << 20, staleMs: 0 });
    await sessions(bare, {
      config: { publicUrl: undefined, host: "127.0.0.1" },
      sources: sampleSources(),
      secret: Buffer.alloc(32),
    });
    bare.get("/v1/mine", { config: { isPrivate: true } }, (request) => ({ is: demandViewer(request, owner).address }));
    const answer = await bare.inject("/v1/mine");
    expect([answer.statusCode, answer.json<Problem>().code]).to.deep.equal([401, "Viewer_Unknown"]);
    expect(answer.headers["www-authenticate"]).to.equal('Rackbond-Session realm="viewer"');
  });

  it("knows the access manager's roles by the ids that the deployment gives them", () => {
    const deployed = Object.entries(ROLES).map(([name, { roleId }]) => [Number(roleId), name.toLowerCase()]);
    expect(deployed).to.deep.equal([...AUTHORITY_ROLES.entries()]);
  });
});
