import { ZERO_BYTES32, bytesOf, hexOf, type Hex } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import { demand } from "./refusal.ts";

/**
 * A Merkle tree in OpenZeppelin's layout: node i has children 2i+1 and 2i+2, the leaves stand at the end in reverse,
 * and a parent is keccak256 of its children, the lower one first. Leaves keep the order they are given in: it is the
 * order of the index each leaf carries, so two neighbours prove that nothing stands between them. Sorted pairs make a
 * path say nothing of the place; the index inside the leaf does.
 */
export interface Tree {
  readonly count: number;
  /** 2·count − 1 nodes of 32 bytes, root first; none when there are no leaves. */
  readonly nodes: Uint8Array;
}

// Whether the 32 bytes at a are greater than those at b.
function isGreater(bytes: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!;
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** The tree over leaf hashes of 32 bytes each, side by side. */
export function buildTree(leafHashes: Uint8Array): Tree {
  demand(leafHashes.length % 32 === 0, "Tree_BadLeaves", { length: leafHashes.length });
  const count = leafHashes.length / 32;
  const nodes = new Uint8Array(count === 0 ? 0 : 32 * (2 * count - 1));
  for (let i = 0; i < count; i++) {
    nodes.set(leafHashes.subarray(32 * i, 32 * i + 32), nodes.length - 32 * (i + 1));
  }
  const pair = new Uint8Array(64);
  for (let node = count - 2; node >= 0; node--) {
    const left = 32 * (2 * node + 1);
    pair.set(nodes.subarray(left, left + 64));
    nodes.set(hashOfPair(pair), 32 * node);
  }
  return { count, nodes };
}

/** The root; zero for a tree without leaves, which no proof verifies against. */
export function rootOf(tree: Tree): Hex {
  return tree.count === 0 ? ZERO_BYTES32 : hexOf(tree.nodes.subarray(0, 32));
}

function siblingOf(node: number): number {
  return node % 2 === 1 ? node + 1 : node - 1;
}

function parentOf(node: number): number {
  return (node - 1) >> 1;
}

/** The siblings from the leaf at an index up to the root. */
export function proofOf(tree: Tree, leafIndex: number): Hex[] {
  const { count, nodes } = tree;
  demand(Number.isInteger(leafIndex) && leafIndex >= 0 && leafIndex < count, "Tree_NoLeaf", { leafIndex, count });
  const proof: Hex[] = [];
  for (let node = 2 * count - 2 - leafIndex; node > 0; node = parentOf(node)) {
    const sibling = 32 * siblingOf(node);
    proof.push(hexOf(nodes.subarray(sibling, sibling + 32)));
  }
  return proof;
}

/** How many siblings the proof of a leaf has, in a tree of `count` leaves. */
export function proofLength(count: number, leafIndex: number): number {
  let length = 0;
  for (let node = 2 * count - 2 - leafIndex; node > 0; node = parentOf(node)) length++;
  return length;
}

/** keccak256 of two hashes side by side, the lower one first; they are put in that order. */
function hashOfPair(pair: Uint8Array): Uint8Array {
  if (isGreater(pair, 0, 32)) {
    const higher = pair.slice(0, 32);
    pair.copyWithin(0, 32);
    pair.set(higher, 32);
  }
  return keccak256(pair);
}

/** The hashes on the way from a leaf to the root, the leaf's first and the root's last; refuses siblings of other sizes. */
export function hashesUp(leafHash: Uint8Array, proof: readonly Hex[]): Hex[] {
  const pair = new Uint8Array(64);
  let hash = leafHash;
  const hashes = [hexOf(hash)];
  for (const hex of proof) {
    const sibling = bytesOf(hex);
    demand(sibling.length === 32, "Tree_BadSibling", { length: sibling.length });
    pair.set(hash, 0);
    pair.set(sibling, 32);
    hash = hashOfPair(pair);
    hashes.push(hexOf(hash));
  }
  return hashes;
}

/** Whether the proof shows a leaf at that index of a tree of `count` leaves with that root. */
export function verifyProof(root: Hex, count: number, leafIndex: number, leafHash: Uint8Array, proof: Hex[]): boolean {
  if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex >= count) return false;
  if (leafHash.length !== 32 || proof.length !== proofLength(count, leafIndex)) return false;
  if (proof.some((sibling) => sibling.length !== 66)) return false;
  return hashesUp(leafHash, proof).at(-1) === root;
}

/**
 * Climbs from the leaves of a range to the root. Nodes are met from the last one down, those of the leaves first and then
 * their parents; `meet` is told of each with its sibling, and whether that is in the range as well.
 */
function climb(
  count: number,
  firstIndex: number,
  lastIndex: number,
  meet: (node: number, isPair: boolean) => void,
): void {
  const queue = new Uint32Array(2 * (lastIndex - firstIndex + 1) + 64);
  let end = 0;
  for (let index = firstIndex; index <= lastIndex; index++) queue[end++] = 2 * count - 2 - index;
  for (let next = 0; queue[next]! > 0; next++) {
    const node = queue[next]!;
    const isPair = node % 2 === 0 && next + 1 < end && queue[next + 1] === node - 1;
    meet(node, isPair);
    if (isPair) next++;
    queue[end++] = parentOf(node);
  }
}

/** The siblings that, with the leaves from `firstIndex` to `lastIndex`, make the root, in the order of their use. */
export function rangeProofOf(tree: Tree, firstIndex: number, lastIndex: number): Hex[] {
  const { count, nodes } = tree;
  const isWithin = Number.isInteger(firstIndex) && Number.isInteger(lastIndex) && firstIndex >= 0 && lastIndex < count;
  demand(isWithin && firstIndex <= lastIndex, "Tree_NoRange", { firstIndex, lastIndex, count });
  const proof: Hex[] = [];
  climb(count, firstIndex, lastIndex, (node, isPair) => {
    const sibling = 32 * siblingOf(node);
    if (!isPair) proof.push(hexOf(nodes.subarray(sibling, sibling + 32)));
  });
  return proof;
}

/** Whether leaf hashes, side by side, stand at `firstIndex` and after it in a tree of `count` leaves with that root. */
export function verifyRange(
  root: Hex,
  count: number,
  firstIndex: number,
  leafHashes: Uint8Array,
  proof: readonly Hex[],
): boolean {
  if (!Number.isInteger(firstIndex) || firstIndex < 0 || leafHashes.length % 32 !== 0) return false;
  const leafCount = leafHashes.length / 32;
  if (leafCount === 0 || firstIndex + leafCount > count) return false;
  const siblings = proof.map(bytesOf);
  if (siblings.some(({ length }) => length !== 32)) return false;
  // In the order in which the nodes are met.
  const hashes = Array.from({ length: leafCount }, (_, i) => leafHashes.subarray(32 * i, 32 * i + 32));
  const pair = new Uint8Array(64);
  let metCount = 0;
  let usedCount = 0;
  climb(count, firstIndex, firstIndex + leafCount - 1, (_node, isPair) => {
    pair.set(hashes[metCount++]!, 0);
    pair.set((isPair ? hashes[metCount++] : siblings[usedCount++]) ?? new Uint8Array(32), 32);
    hashes.push(hashOfPair(pair));
  });
  return usedCount === siblings.length && hexOf(hashes.at(-1)!) === root;
}
