import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Group, Modal, Stack, Table, Text, type ButtonProps } from "@mantine/core";
import type { ContractTransactionResponse } from "ethers";
import { useEffect, useEffectEvent, useState, type ReactNode } from "react";
import { API_KEY, useAnswer } from "./api.tsx";
import type { Chain, FailedAction } from "./chain.ts";
import { AddressText } from "./components/AddressText.tsx";
import { Loading } from "./components/States.tsx";
import { Step, type StepState } from "./components/Step.tsx";
import { useWords } from "./language.tsx";
import { useWallet } from "./wallet.tsx";
import { partsWords } from "./words/parts.ts";
import { shellWords } from "./words/shell.ts";

// The one path of whatever a visitor does: preview of the effect, the wallet, waiting, done, or why not.

/** One figure that an action changes. */
export interface Effect {
  label: string;
  before?: ReactNode;
  after: ReactNode;
  tone?: "good" | "bad" | "warn";
}

/** One thing to confirm in the wallet. What is only signed returns nothing. */
export interface ActionStep {
  label: string;
  run(chain: Chain): Promise<ContractTransactionResponse | undefined>;
}

/** What an action would do at the newest block. */
export interface Plan {
  effects: Effect[];
  steps: ActionStep[];
  /** What to know before confirming. */
  warnings?: string[];
}

export interface Action {
  title: string;
  /** Asks the contracts what would happen; throws what they would throw. */
  plan(chain: Chain): Promise<Plan>;
  /** After the last step is in a block. */
  onDone?(): void;
}

type Stage =
  | { name: "planning" }
  | { name: "planned"; plan: Plan; account: string }
  | { name: "running"; plan: Plan; place: number; isSent: boolean; hashes: string[] }
  | { name: "done"; plan: Plan; hashes: string[] }
  | { name: "failed"; plan: Plan | undefined; place: number; failure: FailedAction };

/** How to get hold of the chain through the connected wallet; undefined without one. */
export function useChain(): (() => Promise<Chain>) | undefined {
  const { wallet, account } = useWallet();
  const deployment = useAnswer("/v1/deployment").data;
  if (wallet === undefined || account === undefined || deployment === undefined) return undefined;
  return async () => {
    const { openChain } = await import("./chain.ts");
    return openChain(wallet.provider, account, deployment);
  };
}

interface ActionButtonProps extends Omit<ButtonProps, "children"> {
  action: Action;
  children: ReactNode;
}

/** A button that leads an action through preview, wallet and wait. */
export function ActionButton({ action, children, disabled, ...look }: ActionButtonProps) {
  const words = useWords(partsWords);
  const [isOpen, setOpen] = useState(false);
  const openChain = useChain();
  const isReady = openChain !== undefined;
  return (
    <>
      <Button
        {...look}
        disabled={disabled === true || !isReady}
        title={isReady ? undefined : words.connectFirst}
        onClick={() => setOpen(true)}
      >
        {children}
      </Button>
      {isOpen && isReady && <ActionDialog action={action} openChain={openChain} onClose={() => setOpen(false)} />}
    </>
  );
}

interface ActionDialogProps {
  action: Action;
  openChain: () => Promise<Chain>;
  onClose: () => void;
}

function ActionDialog({ action, openChain, onClose }: ActionDialogProps) {
  const words = useWords(partsWords);
  const shell = useWords(shellWords);
  const { isOnChain, switchChain } = useWallet();
  const { stage, preview, confirm } = useAction(action, openChain);
  const isBusy = stage.name === "running";
  const plan = stage.name === "planning" ? undefined : stage.plan;
  return (
    <Modal
      opened
      onClose={onClose}
      title={action.title}
      size="lg"
      closeOnClickOutside={!isBusy}
      closeButtonProps={{ "aria-label": words.close }}
    >
      <Stack>
        {isOnChain === false ? (
          <Alert color="yellow" title={shell.wrongChain}>
            <Button size="xs" variant="default" onClick={() => void switchChain().then(preview, () => undefined)}>
              {shell.switchChain}
            </Button>
          </Alert>
        ) : (
          <>
            {stage.name === "planning" && (
              <>
                <Text size="sm" c="dimmed">
                  {words.previewing}
                </Text>
                <Loading lineCount={3} />
              </>
            )}
            {plan !== undefined && <Effects effects={plan.effects} />}
            {plan?.warnings?.map((warning) => (
              <Alert key={warning} color="yellow" variant="light">
                {warning}
              </Alert>
            ))}
            {stage.name !== "planning" && stage.name !== "planned" && plan !== undefined && (
              <Steps stage={stage} plan={plan} />
            )}
            {stage.name === "failed" && <Failure failure={stage.failure} />}
            {stage.name === "done" && (
              <Text size="sm" c="dimmed" role="status">
                {words.doneHint}
              </Text>
            )}
          </>
        )}
        <Group justify="flex-end">
          {stage.name === "failed" && (
            <Button variant="default" onClick={() => void preview()}>
              {words.again}
            </Button>
          )}
          <Button variant="default" onClick={onClose} disabled={isBusy}>
            {stage.name === "done" ? words.close : words.cancel}
          </Button>
          {(stage.name === "planned" || stage.name === "planning" || stage.name === "running") && (
            <Button
              onClick={() => void confirm()}
              disabled={stage.name !== "planned" || isOnChain === false}
              data-autofocus
            >
              {words.confirm}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

function useAction(action: Action, openChain: () => Promise<Chain>) {
  const client = useQueryClient();
  const [stage, setStage] = useState<Stage>({ name: "planning" });

  const planned = async (): Promise<Stage> => {
    try {
      const chain = await openChain();
      return { name: "planned", plan: await action.plan(chain), account: chain.account };
    } catch (error) {
      const { failureOf } = await import("./chain.ts");
      return { name: "failed", plan: undefined, place: 0, failure: failureOf(error) };
    }
  };

  const preview = async () => {
    setStage({ name: "planning" });
    setStage(await planned());
  };

  const confirm = async () => {
    if (stage.name !== "planned") return;
    const { plan, account } = stage;
    const { demandAccount, failureOf, untilMined } = await import("./chain.ts");
    const hashes: string[] = [];
    let place = 0;
    try {
      const chain = await openChain();
      demandAccount(chain, account);
      for (; place < plan.steps.length; place++) {
        setStage({ name: "running", plan, place, isSent: false, hashes: [...hashes] });
        const sent = await plan.steps[place]!.run(chain);
        if (sent === undefined) continue;
        hashes.push(sent.hash);
        setStage({ name: "running", plan, place, isSent: true, hashes: [...hashes] });
        await untilMined(chain.provider, sent.hash);
      }
      setStage({ name: "done", plan, hashes });
      void client.invalidateQueries({ queryKey: [API_KEY] });
      action.onDone?.();
    } catch (error) {
      setStage({ name: "failed", plan, place, failure: failureOf(error) });
    }
  };

  const begin = useEffectEvent(planned);
  useEffect(() => {
    void begin().then(setStage);
  }, []);
  return { stage, preview, confirm };
}

/** What an action changes: now and after. */
export function Effects({ effects }: { effects: Effect[] }) {
  const words = useWords(partsWords);
  if (effects.length === 0) return null;
  const hasBefore = effects.some(({ before }) => before !== undefined);
  return (
    <div className="scrolls" role="region" aria-label={words.effects} tabIndex={0}>
      <Table className="table figures" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{words.effects}</Table.Th>
            {hasBefore && (
              <Table.Th scope="col" className="end">
                {words.now}
              </Table.Th>
            )}
            <Table.Th scope="col" className="end">
              {words.after}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {effects.map(({ label, before, after, tone }) => (
            <Table.Tr key={label}>
              <Table.Td className="wraps" style={{ minWidth: 0 }}>
                {label}
              </Table.Td>
              {hasBefore && <Table.Td className="end">{before}</Table.Td>}
              <Table.Td className={`end ${tone ?? ""}`} fw={600}>
                {after}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Steps({ stage, plan }: { stage: Exclude<Stage, { name: "planning" | "planned" }>; plan: Plan }) {
  const words = useWords(partsWords);
  const at = stage.name === "done" ? plan.steps.length : stage.place;
  const stateOf = (place: number): StepState => {
    if (place < at) return "done";
    if (place > at) return "waiting";
    return stage.name === "failed" ? "failed" : "running";
  };
  const hashes = stage.name === "failed" ? [] : stage.hashes;
  return (
    <Stack gap="xs" role="status">
      {plan.steps.map(({ label }, place) => (
        <Step key={label} place={place + 1} title={label} state={stateOf(place)}>
          {stage.name === "running" && place === at && (
            <Text size="sm" c="dimmed">
              {stage.isSent ? words.waiting : words.inWallet}
            </Text>
          )}
        </Step>
      ))}
      {hashes.map((hash) => (
        <Text key={hash} size="xs" c="dimmed" component="div">
          {words.transaction} <AddressText value={hash} />
        </Text>
      ))}
    </Stack>
  );
}

/** Why an action did not happen: the contract's own error and its numbers. */
function Failure({ failure }: { failure: FailedAction }) {
  const words = useWords(partsWords);
  const facts = Object.entries(failure.facts);
  return (
    <Alert color="red" variant="light" title={words.actionFailed} role="alert">
      {failure.code === "Wallet_Declined" && words.declined}
      {failure.code === "Account_Changed" && words.accountChanged}
      {failure.code !== "Wallet_Declined" && failure.code !== "Account_Changed" && (
        <Stack gap={4}>
          <Text size="sm" className="mono" fw={600}>
            {failure.code}
          </Text>
          {facts.length === 0 && failure.message !== failure.code && <Text size="sm">{failure.message}</Text>}
          {facts.map(([name, value]) => (
            <Text key={name} size="sm" className="mono" style={{ wordBreak: "break-all" }}>
              {name} {value}
            </Text>
          ))}
        </Stack>
      )}
    </Alert>
  );
}
