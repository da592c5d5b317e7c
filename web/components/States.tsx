import { Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import type { Answer, ApiProblem } from "../api.tsx";
import { useWords } from "../language.tsx";
import { useWallet } from "../wallet.tsx";
import { partsWords } from "../words/parts.ts";
import { shellWords } from "../words/shell.ts";
import { Glyph } from "./Glyph.tsx";

/** What will be here soon. */
export function Loading({ lineCount = 4 }: { lineCount?: number }) {
  const words = useWords(partsWords);
  return (
    <Stack gap="xs" role="status" aria-busy="true" aria-label={words.loading} py="xs">
      {Array.from({ length: lineCount }, (_, line) => (
        <Skeleton key={line} height={18} width={`${[92, 100, 78, 88, 64][line % 5]}%`} />
      ))}
    </Stack>
  );
}

/** There is nothing, and what would bring something. */
export function Empty({ title, children }: { title?: string; children?: ReactNode }) {
  const words = useWords(partsWords);
  return (
    <Stack gap={4} py="lg" px="md" align="center" ta="center">
      <Text fw={600}>{title ?? words.nothing}</Text>
      {children !== undefined && (
        <Text size="sm" c="dimmed" maw={520} component="div">
          {children}
        </Text>
      )}
    </Stack>
  );
}

/** What went wrong, in the API's words, and what can be done. */
export function Problem({ problem, onRetry }: { problem: ApiProblem; onRetry?: () => void }) {
  const words = useWords(partsWords);
  const shell = useWords(shellWords);
  const { account, signIn } = useWallet();
  if (problem.status === 401)
    return (
      <Empty title={words.needsSignIn}>
        {words.needsSignInHint}
        {account !== undefined && (
          <Button mt="sm" size="xs" variant="default" onClick={() => void signIn().catch(() => undefined)}>
            {shell.signIn}
          </Button>
        )}
      </Empty>
    );
  if (problem.status === 403) return <Empty title={words.notYours}>{words.notYoursHint}</Empty>;
  return (
    <Group role="alert" align="flex-start" wrap="nowrap" gap="xs" py="xs">
      <span className="bad" style={{ paddingTop: 3 }}>
        <Glyph name="warn" />
      </span>
      <Stack gap={6} align="flex-start" style={{ minWidth: 0 }}>
        <Text fw={600} className="bad">
          {problem.status === 0 ? words.unreachable : words.failed}
        </Text>
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {problem.message}
        </Text>
        <Text size="xs" c="dimmed">
          {words.requestCode}: <span className="mono">{problem.code}</span>
        </Text>
        {onRetry !== undefined && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {words.retry}
          </Button>
        )}
      </Stack>
    </Group>
  );
}

/** Says that what stands below is of an earlier block. */
export function Stale({ blockNumber }: { blockNumber: string | undefined }) {
  const words = useWords(partsWords);
  return (
    <Group gap={6} wrap="nowrap" className="warn" role="status" py={4}>
      <Glyph name="warn" />
      <Text size="sm">{blockNumber === undefined ? words.staleUnknown : words.staleAt(blockNumber)}</Text>
    </Group>
  );
}

interface AnsweredProps<T> {
  of: Answer<T>;
  /** Whether what was answered is nothing; by itself an empty list. */
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  loading?: ReactNode;
  children: (data: T) => ReactNode;
}

/** An answer in whichever state it is: loading, failed, empty, stale or there. */
export function Answered<T>({ of: answer, isEmpty = isEmptyList, empty, loading, children }: AnsweredProps<T>) {
  const { data, problem } = answer;
  if (data === undefined) {
    if (problem !== undefined) return <Problem problem={problem} onRetry={answer.retry} />;
    return loading ?? <Loading />;
  }
  return (
    <>
      {answer.isStale && <Stale blockNumber={answer.blockNumber} />}
      {isEmpty(data) ? (empty ?? <Empty />) : children(data)}
    </>
  );
}

function isEmptyList(data: unknown): boolean {
  return Array.isArray(data) && data.length === 0;
}
