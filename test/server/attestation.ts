import { expect } from "chai";
import { generateKeyPair } from "jose";

import {
  evidenceExpiresAt,
  parseJwks,
  requireModel,
  verifyBundle,
  type AttestedDevice,
} from "../../server/protocol/attestation.ts";
import { identityAnchor } from "../../server/protocol/identity.ts";
import { refusalOf } from "./agentBench.ts";
import {
  DEVICE,
  ISSUER,
  NONCE,
  NOW,
  OVERALL,
  UEID,
  attestationService,
  publishedClaims,
  type Service,
} from "./attestationBench.ts";

const RULES = { issuer: ISSUER, nonce: NONCE, nowAt: BigInt(NOW), skewSec: 60n };

describe("vendor attestation", () => {
  let service: Service;
  before(async () => (service = await attestationService()));

  const verify = (bundle: unknown, rules = RULES) => verifyBundle(bundle, service.jwks, rules);
  const refusal = async (bundle: unknown, rules = RULES) => (await refusalOf(() => verify(bundle, rules))).message;
  const second = { ...DEVICE, ueid: "501858311570236547493498289839486179865867984732", exp: NOW + 3_600 };

  it("is of the lot's registered model: by its chip, or by the one that the auditor names", async () => {
    const attested = await verify(await service.bundle([DEVICE]));
    for (const name of ["NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA GH200 480GB"]) requireModel(attested, name);
    const refused = async (name: string, chip?: string) =>
      (await refusalOf(() => Promise.resolve().then(() => requireModel(attested, name, chip)))).code;
    expect(await refused("NVIDIA L4")).to.equal("Attestation_OtherModel");
    expect(await refused("NVIDIA L4", "GH100")).to.equal("Attestation_OtherModel");
    expect(await refused("NVIDIA X9")).to.equal("Attestation_UnknownModel");
    expect(await refused("NVIDIA X9", "GX900")).to.equal("Attestation_OtherModel");
    requireModel(attested, "NVIDIA X9", "GH100");
  });

  it("of a faithful bundle gives the boards, their anchors, and the earliest expiry", async () => {
    const devices = await verify(await service.bundle([DEVICE, second]));
    expect(devices).to.deep.equal([
      { ueid: UEID, anchor: identityAnchor(UEID), model: DEVICE.hwmodel, expiresAt: BigInt(NOW + 86_400) },
      { ueid: second.ueid, anchor: identityAnchor(second.ueid), model: DEVICE.hwmodel, expiresAt: BigInt(NOW + 3_600) },
    ]);
    const [short] = await verify(await service.bundle([DEVICE], { ...OVERALL, exp: NOW + 5 }));
    expect(short?.expiresAt).to.equal(BigInt(NOW + 5));
  });

  it("takes the claims that NVIDIA published with its SDK, and the form in which the SDK wraps them", async function () {
    const [device, overall] = [
      publishedClaims("nras_detached_claims_remote.json"),
      publishedClaims("nras_overall_claims_remote.json"),
    ];
    if (device === undefined || overall === undefined) return this.skip();
    const bundle = await service.bundle([{ ...device, iss: ISSUER }], overall);
    for (const form of [bundle, [["JWT", "eyJhbGciOiJub25lIn0.e30."], { REMOTE_GPU_CLAIMS: bundle }]])
      expect((await verify(form)).map(({ ueid }) => ueid)).to.deep.equal([UEID]);
    expect(await refusal(await service.bundle([device], overall))).to.contain('unexpected "iss" claim value');
  });

  describe("refuses a token", () => {
    /** The refusal of a bundle whose first board's, and then whose overall token is changed so. */
    const changed = async (change: Record<string, unknown>) => {
      const own = await refusal(await service.bundle([{ ...DEVICE, ...change }]));
      const overall = await refusal(await service.bundle([DEVICE], { ...OVERALL, ...change }));
      return [own, overall] as const;
    };
    const cases: [string, Record<string, unknown>, RegExp][] = [
      ["of another issuer", { iss: "https://nras.example" }, /unexpected "iss"/],
      ["without an issuer", { iss: undefined }, /"iss"/],
      ["that expired", { exp: NOW - 61 }, /"exp" claim timestamp check failed/],
      ["without an expiry", { exp: undefined }, /missing required "exp"/],
      ["not valid yet", { nbf: NOW + 61 }, /"nbf" claim timestamp check failed/],
      ["without a beginning", { nbf: undefined }, /missing required "nbf"/],
      ["issued in the future", { iat: NOW + 61 }, /Attestation_FromFuture/],
      ["whose time is no whole number", { iat: 1.5 }, /Attestation_BadTime/],
      ["with another nonce", { eat_nonce: "00".repeat(32) }, /Attestation_WrongNonce/],
      ["without a nonce", { eat_nonce: undefined }, /missing required "eat_nonce"/],
      ["with several nonces", { eat_nonce: [NONCE, "00"] }, /Attestation_WrongNonce/],
    ];
    for (const [name, change, expected] of cases)
      it(name, async () => {
        for (const message of await changed(change)) expect(message).to.match(expected);
      });

    it("at the edges of its time by a second only", async () => {
      await verify(await service.bundle([{ ...DEVICE, exp: NOW - 59 }]));
      await verify(await service.bundle([{ ...DEVICE, nbf: NOW + 60, iat: NOW + 60 }]));
      expect(await refusal(await service.bundle([{ ...DEVICE, exp: NOW - 60 }]))).to.contain('"exp"');
    });

    it("of a key that is not in the set, of a key with its name, and without the name of its key", async () => {
      const stranger = await attestationService("nras-2");
      expect(await refusal(await stranger.bundle([DEVICE]))).to.contain("ERR_JWKS_NO_MATCHING_KEY");
      const impostor = await attestationService("nras-1");
      expect(await refusal(await impostor.bundle([DEVICE]))).to.contain("signature verification failed");
      const [[, overall], tokens] = await service.bundle([DEVICE]);
      const nameless = await service.token({ ...OVERALL }, { kid: undefined });
      expect(await refusal([["JWT", nameless], tokens])).to.contain("it names no key");
      expect(await refusal([["JWT", `${overall.slice(0, -4)}AAAA`], tokens])).to.contain(
        "signature verification failed",
      );
    });

    it("by another algorithm: ES256, HS256 with the public key, none", async () => {
      const { privateKey } = await generateKeyPair("ES256");
      const tokens = (await service.bundle([DEVICE]))[1];
      const weak = [
        await service.token(OVERALL, { alg: "ES256" }, privateKey),
        await service.token(OVERALL, { alg: "HS256" }, new TextEncoder().encode(JSON.stringify(service.jwks.keys[0]))),
        `${Buffer.from('{"alg":"none","kid":"nras-1"}').toString("base64url")}.${Buffer.from(JSON.stringify(OVERALL)).toString("base64url")}.`,
      ];
      for (const token of weak)
        expect(await refusal([["JWT", token], tokens])).to.match(/ERR_JOSE_ALG_NOT_ALLOWED|ERR_JOSE_NOT_SUPPORTED/);
    });

    it("that is none", async () => {
      const tokens = (await service.bundle([DEVICE]))[1];
      for (const text of ["", "a.b.c", "e30.e30", "x".repeat(100)])
        expect(await refusal([["JWT", text], tokens]), text).to.match(/Attestation_BadToken/);
    });
  });

  describe("refuses a board", () => {
    it("for each check that is missing, false, or true in words only", async () => {
      for (const [claim, value] of Object.entries(DEVICE)) {
        if (!claim.startsWith("x-nvidia-") && !["measres", "secboot", "dbgstat"].includes(claim)) continue;
        for (const other of [undefined, false, String(value) === "success" ? "fail" : String(value) + "?", 1, null]) {
          const message = await refusal(await service.bundle([{ ...DEVICE, [claim]: other }]));
          expect(message, `${claim} ${String(other)}`).to.contain(`Attestation_NotMet: name GPU-0, claim ${claim}`);
        }
      }
    });

    it("for a check that came later and failed, and where the overall result is not true", async () => {
      expect(await refusal(await service.bundle([{ ...DEVICE, "x-nvidia-gpu-new-check": false }]))).to.contain(
        "gpu-new-check",
      );
      for (const result of [false, "true", undefined, 1])
        expect(
          await refusal(await service.bundle([DEVICE], { ...OVERALL, "x-nvidia-overall-att-result": result })),
        ).to.contain("overall-att-result");
    });

    it("that has no unique id, and a second one of the same id, in any spelling", async () => {
      for (const ueid of [undefined, 5, "", "short", "x".repeat(200), `${UEID}\u200b`])
        expect(await refusal(await service.bundle([{ ...DEVICE, ueid }])), String(ueid)).to.match(
          /Attestation_BadUeid|Device_BadName/,
        );
      const spelled = { ...DEVICE, ueid: ` ${UEID}` };
      expect(await refusal(await service.bundle([DEVICE, spelled]))).to.contain("Attestation_UeidTwice");
    });
  });

  describe("refuses a bundle", () => {
    it("whose tokens are not those the overall token vouches for", async () => {
      const [head, tokens] = await service.bundle([DEVICE, second]);
      expect(await refusal([head, { ...tokens, "GPU-1": tokens["GPU-0"] }])).to.contain(
        "Attestation_WrongDigest: name GPU-1",
      );
      expect(await refusal([head, { "GPU-0": tokens["GPU-0"] }])).to.contain("Attestation_TokenMissing: name GPU-1");
      expect(await refusal([head, { ...tokens, "GPU-2": tokens["GPU-0"] }])).to.contain(
        "Attestation_NotVouched: name GPU-2",
      );
      expect(await refusal(await service.bundle([]))).to.contain("Attestation_NoDevice");
    });

    it("whose digests have another form", async () => {
      for (const entry of [
        "x",
        ["DIGEST"],
        ["DIGEST", ["SHA-1", "00".repeat(20)]],
        ["JWT", ["SHA-256", "00".repeat(32)]],
        ["DIGEST", ["SHA-256", 5]],
        null,
      ])
        expect(await refusal(await service.bundle([DEVICE], OVERALL, () => ({ "GPU-0": entry })))).to.contain(
          "Attestation_Malformed",
        );
      for (const submods of [undefined, [], "x"])
        expect(await refusal(await service.bundle([DEVICE], OVERALL, () => submods))).to.contain(
          "Attestation_Malformed",
        );
    });

    it("of another shape or beyond the bounds", async () => {
      const [head, tokens] = await service.bundle([DEVICE]);
      const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`GPU-${i}`, "x"]));
      const nested = [head, { REMOTE_GPU_CLAIMS: [head, { REMOTE_GPU_CLAIMS: [head, tokens] }] }];
      const bad = [
        undefined,
        null,
        "x",
        {},
        [],
        [head],
        [head, tokens, 1],
        [["JWS", head[1]], tokens],
        [["JWT"], tokens],
        [head, []],
        [head, null],
        [head, { "GPU-0": 5 }],
        [head, { "GPU-0": "x".repeat(70_000) }],
        [head, many],
        nested,
      ];
      for (const bundle of bad) expect(await refusal(bundle)).to.contain("Attestation_Malformed");
    });
  });

  describe("the key set", () => {
    it("is of public P-384 keys with names of their own", () => {
      const key = service.jwks.keys[0]!;
      expect(parseJwks(JSON.stringify(service.jwks))).to.deep.equal(service.jwks);
      const bad: [unknown, string][] = [
        ["no JSON", "Jwks_Malformed"],
        [{ keys: {} }, "Jwks_Malformed"],
        [{ keys: [] }, "Jwks_NoKey"],
        [{ keys: [null, 5] }, "Jwks_NoKey"],
        [{ keys: [{ ...key, crv: "P-256" }] }, "Jwks_NoKey"],
        [{ keys: [{ ...key, d: "AAAA" }] }, "Jwks_NoKey"],
        [{ keys: [{ ...key, kid: undefined }] }, "Jwks_NoKey"],
        [{ keys: [key, key] }, "Jwks_KeyTwice"],
      ];
      for (const [json, code] of bad)
        expect(() => parseJwks(typeof json === "string" ? json : JSON.stringify(json)), code).to.throw(code);
    });
  });

  describe("the evidence of a lot", () => {
    const attested = (...ueids: string[]): AttestedDevice[] =>
      ueids.map((ueid, i) => ({ ueid, anchor: identityAnchor(ueid), model: "", expiresAt: BigInt(100 - i) }));
    const named = (...names: string[]) => names.map((name) => ({ name, nodeId: 1n }));

    it("is each device once, until the first token expires", () => {
      expect(evidenceExpiresAt(named("SERIAL-1", "SERIAL-2"), attested("SERIAL-2", "serial-1"))).to.equal(99n);
    });

    it("refuses a device without a token, a token without a device, one twice, and one of another lot", () => {
      const at =
        (...all: Parameters<typeof evidenceExpiresAt>) =>
        (reason: string) =>
          expect(() => evidenceExpiresAt(...all)).to.throw(reason);
      at(named("SERIAL-1", "SERIAL-2"), attested("SERIAL-1"))("Attestation_DeviceMissing: deviceIndex 1");
      at(named("SERIAL-1"), attested("SERIAL-1", "SERIAL-2"))("Attestation_ForeignDevice: ueid SERIAL-2");
      at(named("SERIAL-1", "serial-1"), attested("SERIAL-1"))("Attestation_DeviceTwice: deviceIndex 1");
      at(named("SERIAL-1"), attested("SERIAL-1", "serial-1"))("Attestation_UeidTwice");
      at(named("SERIAL-1"), attested("SERIAL-1"), named("serial-1"))("Attestation_OtherLot");
      at([], [])("Attestation_NoDevice");
    });
  });
});
