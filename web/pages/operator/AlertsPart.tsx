import { Group, Stack, Text } from "@mantine/core";
import type { Alert } from "../../../server/protocol/apiRegistry.ts";
import type { ListAnswer } from "../../api.tsx";
import { Amount } from "../../components/Amount.tsx";
import { Glyph } from "../../components/Glyph.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { Mark } from "./Mark.tsx";
import { useMoney } from "./money.ts";

const TONES = { critical: "bad", warning: "warn", notice: "plain" } as const;

/** What calls for attention now: the grave first. */
export function AlertsPart({ alerts }: { alerts: ListAnswer<Alert> }) {
  const words = useWords(fleetWords);
  return (
    <Section title={words.alertsTitle}>
      <Answered of={alerts} empty={<Calm />}>
        {(list) => (
          <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: "none" }} data-testid="alerts">
            {list.map((alert) => (
              <AlertLine key={alert.alertId} alert={alert} />
            ))}
          </Stack>
        )}
      </Answered>
    </Section>
  );
}

function Calm() {
  const words = useWords(fleetWords);
  return (
    <Group gap={8} wrap="nowrap">
      <span className="good" style={{ display: "flex" }}>
        <Glyph name="check" />
      </span>
      <Text size="sm">
        <b>{words.noAlerts}.</b>{" "}
        <Text span inherit c="dimmed">
          {words.noAlertsHint}
        </Text>
      </Text>
    </Group>
  );
}

function AlertLine({ alert }: { alert: Alert }) {
  const words = useWords(fleetWords);
  const { language } = useLanguage();
  const money = useMoney();
  const { kind, severity, lotId, nodeId, disputeId, level, epoch, assets, sinceAt, deadlineAt } = alert;
  const about = [
    lotId !== null && words.ofLot(lotId),
    nodeId !== null && words.ofNode(nodeId),
    disputeId !== null && words.ofDispute(disputeId),
    level !== null && words.ofLevel(String(level)),
    epoch !== null && epochText(epoch, language),
  ].filter((part) => part !== false);
  return (
    <Group component="li" gap="sm" align="flex-start" wrap="nowrap">
      <div style={{ minWidth: 84, flex: "none" }}>
        <Mark tone={TONES[severity]}>{words[severity]}</Mark>
      </div>
      <Stack gap={0} style={{ minWidth: 0 }}>
        <Text size="sm" fw={600}>
          {words[kind]}
          {about.length > 0 && (
            <Text span size="sm" c="dimmed" fw={400}>
              {" · "}
              {about.join(" · ")}
            </Text>
          )}
        </Text>
        <Text size="xs" c="dimmed" component="div">
          {assets !== null && money !== undefined && (
            <>
              <Amount assets={assets} {...money} />
              {" · "}
            </>
          )}
          {sinceAt !== null && (
            <>
              {words.since} <When at={sinceAt} />
            </>
          )}
          {deadlineAt !== null && (
            <>
              {sinceAt !== null && " · "}
              {words.until} <When at={deadlineAt} />
            </>
          )}
        </Text>
      </Stack>
    </Group>
  );
}
