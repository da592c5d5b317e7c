import { Button, Group, Stack, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { Link } from "wouter";
import type { Hex } from "../../../server/protocol/bytes.ts";
import type { LotTerms } from "../../../server/protocol/enrolment.ts";
import { ActionButton } from "../../action.tsx";
import { useList } from "../../api.tsx";
import { Glyph } from "../../components/Glyph.tsx";
import { PageHead } from "../../components/PageHead.tsx";
import { Section } from "../../components/Section.tsx";
import { countText } from "../../format.ts";
import { useLanguage, useWords } from "../../language.tsx";
import { useWallet } from "../../wallet.tsx";
import { registerWords } from "../../words/register.ts";
import { useMoney } from "./money.ts";
import { DevicesPart } from "./register/DevicesPart.tsx";
import { planEnrolling, type EnrolledLot } from "./register/enrolAction.ts";
import { LotPart, costOf, dayOf, type LotSaid } from "./register/LotPart.tsx";
import { SitePart } from "./register/SitePart.tsx";
import { useDeviceList } from "./register/useDeviceList.ts";

const NOTHING: LotSaid = { modelId: null, cost: "", day: "" };

/** A site, its hosts and a lot, from a CSV in the browser. */
export default function RegisterPage() {
  const words = useWords(registerWords);
  const { account } = useWallet();
  const sites = useList("/v1/sites", "after", account === undefined ? null : { query: { operator: account } });
  const models = useList("/v1/models", "after");
  const money = useMoney();
  const { reading, take, clear } = useDeviceList();
  const [chosenSiteId, chooseSite] = useState<string | null>(null);
  const [said, setSaid] = useState(NOTHING);
  const [enrolled, setEnrolled] = useState<EnrolledLot>();

  const siteId = chosenSiteId ?? (sites.data?.length === 1 ? sites.data[0]!.siteId : null);
  const list = reading.kind === "read" && reading.list.faultCount === 0 ? reading.list : undefined;
  const [costAssets, commissionedAt] = [costOf(said, money), dayOf(said)];
  const missing = [
    account === undefined && words.missingWallet,
    siteId === null && words.missingSite,
    said.modelId === null && words.missingModel,
    costAssets === undefined && words.missingCost,
    commissionedAt === undefined && words.missingDay,
    list === undefined && words.missingList,
  ].filter((what) => what !== false);
  const terms: LotTerms | undefined =
    siteId === null || said.modelId === null || costAssets === undefined || commissionedAt === undefined
      ? undefined
      : { siteId: BigInt(siteId), modelId: said.modelId as Hex, costAssets, commissionedAt };

  const restart = () => {
    setEnrolled(undefined);
    setSaid(NOTHING);
    clear();
  };
  if (enrolled !== undefined) return <Enrolled lot={enrolled} onAnother={restart} />;
  return (
    <>
      <PageHead title={words.title} lead={words.lead} />
      <SitePart account={account} sites={sites} siteId={siteId} onChoose={chooseSite} />
      <LotPart said={said} models={models} money={money} onChange={setSaid} />
      <DevicesPart reading={reading} onFiles={(files) => void take(files)} onClear={clear} />
      <SendPart
        missing={missing}
        given={
          list === undefined || terms === undefined || account === undefined ? undefined : { list, terms, account }
        }
        onEnrolled={setEnrolled}
      />
    </>
  );
}

interface SendPartProps {
  missing: string[];
  given: { list: Parameters<typeof planEnrolling>[1]["list"]; terms: LotTerms; account: string } | undefined;
  onEnrolled: (lot: EnrolledLot) => void;
}

function SendPart({ missing, given, onEnrolled }: SendPartProps) {
  const words = useWords(registerWords);
  const { language } = useLanguage();
  const count = (value: number) => countText(value, language);
  const lot = useRef<EnrolledLot>(undefined);
  return (
    <Section title={words.sendTitle} lead={words.sendLead}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed" role="status">
          {missing.length > 0 && `${words.missing}: ${missing.join(", ")}`}
        </Text>
        <ActionButton
          disabled={given === undefined}
          action={{
            title: words.registerTitle(count(given?.list.names.length ?? 0)),
            plan: (chain) => {
              if (given === undefined) throw new Error(missing.join(", "));
              const { list, terms, account: operator } = given;
              const onEnrolledLot = (enrolled: EnrolledLot) => (lot.current = enrolled);
              return planEnrolling(chain, { list, terms, operator, words, count, onEnrolled: onEnrolledLot });
            },
            onDone: () => lot.current !== undefined && onEnrolled(lot.current),
          }}
        >
          {words.register}
        </ActionButton>
      </Group>
    </Section>
  );
}

/** What comes after a lot was registered. */
function Enrolled({ lot, onAnother }: { lot: EnrolledLot; onAnother: () => void }) {
  const words = useWords(registerWords);
  const [href] = useState(() => URL.createObjectURL(lot.identities));
  const id = String(lot.lotId);
  return (
    <>
      <PageHead title={words.done(id)} lead={words.doneLead} />
      <Stack gap="md" align="flex-start" data-testid="enrolled" data-lot={id}>
        <Button
          component="a"
          href={href}
          download={`identities-lot-${id}.ndjson`}
          variant="default"
          leftSection={<Glyph name="download" size={14} />}
        >
          {words.identitiesFile}
        </Button>
        <Group gap="xs">
          <Button component={Link} href={`/operator/agent?lot=${id}`}>
            {words.toAgent}
          </Button>
          <Button component={Link} href="/operator" variant="default">
            {words.toFleet}
          </Button>
          <Button variant="subtle" onClick={onAnother}>
            {words.another}
          </Button>
        </Group>
      </Stack>
    </>
  );
}
