import { Badge, Group, Stack, Text } from "@mantine/core";
import type { Alert } from "../../../server/protocol/apiRegistry.ts";
import type { ListAnswer } from "../../api.tsx";
import { Amount } from "../../components/Amount.tsx";
import { Section } from "../../components/Section.tsx";
import { Answered, Empty } from "../../components/States.tsx";
import { When } from "../../components/When.tsx";
import { epochText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { fleetWords } from "../../words/fleet.ts";
import { useMoney } from "./money.ts";

const COLORS = { critical: "red", warning: "yellow", notice: "gray" } as const;

/** What calls for attention now: the grave first. */
export function AlertsPart({ alerts }: { alerts: ListAnswer<Alert> }) {
  const words = useWords(fleetWords);
  return (
    <Section title={words.alertsTitle}>
      <Answered of={alerts} empty={<Empty title={words.noAlerts}>{words.noAlertsHint}</Empty>}>
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
      <Badge color={COLORS[severity]} variant="light" radius="sm" miw={84} style={{ flex: "none" }} autoContrast>
        {words[severity]}
      </Badge>
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
