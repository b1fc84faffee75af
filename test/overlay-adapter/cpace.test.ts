import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  confirmationTag,
  cpaceKey,
  cpaceSecret,
  cpaceShare,
  generator,
  generatorString,
  prependLength,
  tagFits,
} from "../../overlay-adapter/contacts/cpace.ts";

const hex = (text: string) => Buffer.from(text, "hex");

/** draft-irtf-cfrg-cpace-21 appendix B.3: CPACE-RISTR255-SHA512. */
const INPUTS = {
  password: Buffer.from("Password"),
  channel: hex("0b415f696e69746961746f720b425f726573706f6e646572"),
  session: hex("7e4b4791d6a8ef019b936c79fb7f2c57"),
};
const YA = hex("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08");
const YB = hex("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d");
const SHARE_A = hex("d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157");
const SHARE_B = hex("3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258");
const SECRET = hex("80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f");

test("the generator is the draft's (B.3.1)", () => {
  const string = generatorString(INPUTS);
  expect(string.toString("hex")).toBe(
    `11435061636552697374726574746f3235350850617373776f726464${"00".repeat(100)}180b415f696e69746961746f720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f2c57`,
  );
  expect(createHash("sha512").update(string).digest("hex")).toBe(
    "da6d3ddc8802fca9058755ffd3ebde08a9c2c74945901a258482a288b6663af06bf645c93cd1c51512307199c80e84908916d983b34af77205f90851a657ee27",
  );
  expect(generator(INPUTS).toHex()).toBe("222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56");
});

test("shares, secret point and key are the draft's (B.3.2 to B.3.5)", () => {
  const [a, b] = [cpaceShare(INPUTS, YA), cpaceShare(INPUTS, YB)];
  expect([a.share, b.share]).toEqual([SHARE_A, SHARE_B]);
  expect(cpaceSecret(a.scalar, b.share)).toEqual(SECRET);
  expect(cpaceSecret(b.scalar, a.share)).toEqual(SECRET);
  const transcript = {
    initiator: { share: SHARE_A, data: Buffer.from("ADa") },
    responder: { share: SHARE_B, data: Buffer.from("ADb") },
  };
  expect(cpaceKey(INPUTS.session, SECRET, transcript).toString("hex")).toBe(
    "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447",
  );
});

test("a valid share is multiplied as in B.3.10; no encoding of a point, and the neutral element, are refused (B.3.11)", () => {
  const scalar = hex("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05");
  const valid = hex("2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c");
  expect(cpaceSecret(scalar, valid)?.toString("hex")).toBe(
    "7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e",
  );
  const invalid = hex("2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c");
  expect(cpaceSecret(scalar, invalid)).toBeUndefined();
  expect(cpaceSecret(scalar, Buffer.alloc(32))).toBeUndefined();
  expect(cpaceSecret(scalar, Buffer.alloc(31))).toBeUndefined();
});

test("lengths are LEB128 (appendix A.1)", () => {
  expect(prependLength(Buffer.from("1234")).toString("hex")).toBe("0431323334");
  expect(prependLength(Buffer.alloc(0)).toString("hex")).toBe("00");
  expect(prependLength(Buffer.alloc(127)).subarray(0, 2).toString("hex")).toBe("7f00");
  expect(prependLength(Buffer.alloc(128)).subarray(0, 3).toString("hex")).toBe("800100");
});

test("the group's own relations hold: a share is the generator times the scalar, and secrets commute", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      (x, y) => {
        fc.pre(x.some((octet) => octet !== 0) && y.some((octet) => octet !== 0));
        const [a, b] = [cpaceShare(INPUTS, x), cpaceShare(INPUTS, y)];
        expect(cpaceSecret(a.scalar, b.share)).toEqual(cpaceSecret(b.scalar, a.share));
        expect(cpaceSecret(a.scalar, generator(INPUTS).toBytes())).toEqual(a.share);
      },
    ),
    { numRuns: 15 },
  );
});

test("another password, channel or session, and another share or word beside it, give another key and no fitting tag", () => {
  const other = { password: Buffer.from("password"), channel: Buffer.from("x"), session: randomBytes(16) };
  const a = cpaceShare(INPUTS, randomBytes(32));
  const keyOf = (inputs: typeof INPUTS, data = "") => {
    const b = cpaceShare(inputs, randomBytes(32));
    const side = { share: b.share, data: Buffer.alloc(0) };
    const transcript = { initiator: { share: a.share, data: Buffer.alloc(0) }, responder: side };
    const theirs = {
      ...transcript,
      initiator: { share: a.share, data: Buffer.from(data) },
    };
    const mine = cpaceKey(INPUTS.session, cpaceSecret(a.scalar, b.share) ?? Buffer.alloc(0), transcript);
    const their = cpaceKey(inputs.session, cpaceSecret(b.scalar, a.share) ?? Buffer.alloc(0), theirs);
    return tagFits(INPUTS.session, mine, side, confirmationTag(inputs.session, their, side));
  };
  expect(keyOf(INPUTS)).toBe(true);
  for (const part of ["password", "channel", "session"] as const)
    expect(keyOf({ ...INPUTS, [part]: other[part] })).toBe(false);
  expect(keyOf(INPUTS, "another queue")).toBe(false);
});
