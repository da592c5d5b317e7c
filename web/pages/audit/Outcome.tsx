import { Stack, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { ProofGround, ProofStep, ProofStepName, ProvenHour } from "../../../server/protocol/proofSteps.ts";
import { MJ_PER_WH } from "../../../server/protocol/units.ts";
import { AddressText } from "../../components/AddressText.tsx";
import { Figure, Figures } from "../../components/Figure.tsx";
import { Section } from "../../components/Section.tsx";
import { Step, type StepState } from "../../components/Step.tsx";
import { countText, epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { proofWords } from "../../words/auditProof.ts";
import { Notice } from "./Notice.tsx";

const TITLES = {
  form: ["stepForm", "stepFormHint"],
  signature: ["stepSignature", "stepSignatureHint"],
  hour: ["stepHour", "stepHourHint"],
  leaf: ["stepLeaf", "stepLeafHint"],
  path: ["stepPath", "stepPathHint"],
  publication: ["stepPublication", "stepPublicationHint"],
  report: ["stepReport", "stepReportHint"],
  standing: ["stepStanding", "stepStandingHint"],
  identity: ["stepIdentity", "stepIdentityHint"],
} as const satisfies Record<ProofStepName, unknown>;

const STATES = { passed: "done", failed: "failed", open: "waiting" } as const satisfies Record<
  ProofStep["state"],
  StepState
>;

interface OutcomeProps {
  hour: ProvenHour;
  ground: ProofGround;
  /** The chain's facts are on their way. */
  isAsking: boolean;
}

/** What a proof came to, and every step of it. */
export function Outcome({ hour, ground, isAsking }: OutcomeProps) {
  const words = useWords(proofWords);
  const { steps } = hour;
  return (
    <>
      <Section title={words.verdict} isBare>
        <Verdict hour={hour} />
        {hour.leaf !== undefined && <Hour hour={hour} />}
      </Section>
      <Section title={words.steps}>
        <Stack gap="md">
          {steps.map((step, at) => {
            const [title, hint] = TITLES[step.name];
            const isRunning = step.state === "open" && isAsking;
            return (
              <div key={step.name} data-step={step.name} data-state={step.state}>
                <Step place={at + 1} title={words[title]} state={isRunning ? "running" : STATES[step.state]}>
                  <Text size="sm" c="dimmed">
                    {words[hint]}
                  </Text>
                  {step.state === "open" && !isRunning && (
                    <Text size="sm" className="warn">
                      {words.notChecked}
                    </Text>
                  )}
                  {step.refusal !== undefined && <Refused step={step} />}
                  <Shown name={step.name} hour={hour} ground={ground} />
                </Step>
              </div>
            );
          })}
        </Stack>
      </Section>
    </>
  );
}

function Verdict({ hour: { verdict, steps } }: { hour: ProvenHour }) {
  const words = useWords(proofWords);
  if (verdict === "proven") {
    return (
      <Notice tone="good" title={words.proven}>
        {words.provenHint}
      </Notice>
    );
  }
  if (verdict === "open") {
    return (
      <Notice tone="warn" title={words.open}>
        {words.openHint}
      </Notice>
    );
  }
  return (
    <Notice tone="bad" title={words.broken}>
      {steps
        .filter(({ state }) => state === "failed")
        .map(({ name }) => (
          <div key={name}>{words.brokenAt(words[TITLES[name][0]])}</div>
        ))}
    </Notice>
  );
}

function Hour({ hour }: { hour: ProvenHour }) {
  const words = useWords(proofWords);
  const { language } = useLanguage();
  const { leaf } = hour;
  if (leaf === undefined) return null;
  const { device } = leaf;
  const seconds = (sec: bigint) => (
    <>
      {countText(sec, language)}
      <span className="unit">{words.sec}</span>
    </>
  );
  return (
    <Stack gap={6}>
      <Text size="sm" component="div">
        {words.hourOf(epochText(leaf.epoch, language))} · {words.lot} {String(leaf.lotId)} ·{" "}
        {words.node(String(leaf.nodeId))} · <AddressText value={device.deviceId} />
      </Text>
      <Figures>
        <Figure label={words.available}>{seconds(device.availableSec)}</Figure>
        <Figure label={words.allocated}>{seconds(device.allocatedSec)}</Figure>
        <Figure label={words.smActive}>{seconds(device.smActiveMilliSec / 1000n)}</Figure>
        <Figure label={words.energy}>
          {countText((device.energyEndMJ - device.energyStartMJ) / MJ_PER_WH, language)}
          <span className="unit">Wh</span>
        </Figure>
        <Figure label={words.curtailed}>{seconds(device.curtailedSec)}</Figure>
        <Figure label={words.work}>{countText(device.workUnits, language)}</Figure>
      </Figures>
    </Stack>
  );
}

/** Why a step failed, with its numbers. */
function Refused({ step: { refusal } }: { step: ProofStep }) {
  if (refusal === undefined) return null;
  return (
    <div className="bad" role="alert">
      <Text size="sm" fw={600} className="mono">
        {refusal.code}
      </Text>
      {Object.entries(refusal.facts).map(([name, value]) => (
        <Text key={name} size="xs" className="mono" style={{ wordBreak: "break-all" }}>
          {name} {String(value)}
        </Text>
      ))}
    </div>
  );
}

/** The figures that a step works with. */
function Shown({ name, hour, ground }: { name: ProofStepName; hour: ProvenHour; ground: ProofGround }) {
  const words = useWords(proofWords);
  const { proof, leaf } = hour;
  if (proof === undefined || leaf === undefined) return null;
  switch (name) {
    case "form":
      return null;
    case "signature":
      return (
        <>
          {hour.readingHash !== undefined && <Line label={words.readingHash} value={hour.readingHash} />}
          {ground.nodeKey !== undefined && ground.nodeKey !== null && (
            <Line label={words.nodeKey} value={ground.nodeKey.x} />
          )}
          <Folded summary={words.showReading}>
            <pre className="mono" style={{ margin: 0, overflowX: "auto" }}>
              {JSON.stringify(proof.signed.reading, null, 1)}
            </pre>
          </Folded>
        </>
      );
    case "hour":
      return null;
    case "leaf":
      return hour.leafHash === undefined ? null : <Line label={words.leafHash} value={hour.leafHash} />;
    case "path":
      return (
        <Path hashes={hour.hashes} siblings={proof.proof} leafIndex={leaf.leafIndex} leafCount={proof.leafCount} />
      );
    case "publication":
      return (
        <Path
          hashes={hour.readingHashes}
          siblings={proof.signed.proof}
          leafIndex={proof.signed.leafIndex}
          leafCount={proof.signed.leafCount}
        />
      );
    case "report":
      return (
        <>
          {ground.report !== undefined && <Line label={words.factRoot} value={ground.report.readingsRoot} />}
          {ground.report !== undefined && <Line label={words.factData} value={ground.report.dataHash} />}
        </>
      );
    case "standing":
      return (
        <>
          {ground.standing !== undefined && ground.standing !== null && (
            <Text size="sm">{ground.standing === "Final" ? words.stateFinal : words.stateSubmitted}</Text>
          )}
          <Line label={words.report} value={proof.reportHash} />
          <Line label={words.transaction} value={proof.transactionHash} />
        </>
      );
    case "identity":
      return ground.identity === undefined ? null : <Line label={words.identityRoot} value={ground.identity.root} />;
  }
}

function Line({ label, value }: { label: string; value: string }) {
  return (
    <Text size="xs" component="div">
      <Text span inherit c="dimmed">
        {label}{" "}
      </Text>
      <AddressText value={value} />
    </Text>
  );
}

interface PathProps {
  hashes: readonly string[] | undefined;
  siblings: readonly string[];
  leafIndex: number;
  leafCount: number;
}

/** Every hash between a leaf and the root. */
function Path({ hashes, siblings, leafIndex, leafCount }: PathProps) {
  const words = useWords(proofWords);
  const { language } = useLanguage();
  const root = hashes?.at(-1);
  if (hashes === undefined || root === undefined) return null;
  return (
    <>
      <Text size="xs" c="dimmed">
        {words.leafPlace(countText(leafIndex, language), countText(leafCount, language))}
      </Text>
      <Line label={words.rootHash} value={root} />
      <Folded summary={words.showPath(String(hashes.length))}>
        <div className="scrolls" role="region" aria-label={words.stepPath} tabIndex={0}>
          <Table className="table" verticalSpacing={4} fz="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{words.level}</Table.Th>
                <Table.Th scope="col">{words.hash}</Table.Th>
                <Table.Th scope="col">{words.sibling}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {hashes.map((hash, level) => {
                const sibling = siblings[level];
                return (
                  <Table.Tr key={hash}>
                    <Table.Td>{level}</Table.Td>
                    <Table.Td>
                      <AddressText value={hash} />
                    </Table.Td>
                    <Table.Td>{sibling === undefined ? "—" : <AddressText value={sibling} />}</Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </div>
      </Folded>
    </>
  );
}

function Folded({ summary, children }: { summary: ReactNode; children: ReactNode }) {
  return (
    <details>
      <summary style={{ cursor: "pointer", fontSize: "var(--mantine-font-size-sm)" }}>{summary}</summary>
      <div style={{ paddingTop: 6, maxHeight: 320, overflow: "auto" }}>{children}</div>
    </details>
  );
}
