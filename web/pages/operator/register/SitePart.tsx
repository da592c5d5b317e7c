import { Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Site } from "../../../../server/protocol/apiRegistry.ts";
import { ActionButton, type Plan } from "../../../action.tsx";
import type { ListAnswer } from "../../../api.tsx";
import type { Chain } from "../../../chain.ts";
import { Section } from "../../../components/Section.tsx";
import { Answered } from "../../../components/States.tsx";
import { useWords } from "../../../language.tsx";
import { partsWords } from "../../../words/parts.ts";
import { registerWords } from "../../../words/register.ts";

interface SitePartProps {
  account: string | undefined;
  sites: ListAnswer<Site>;
  siteId: string | null;
  onChoose: (siteId: string | null) => void;
}

/** The site of a lot: one of the account's, or a new one. */
export function SitePart({ account, sites, siteId, onChoose }: SitePartProps) {
  const words = useWords(registerWords);
  const [isNew, setNew] = useState(false);
  const open = (
    <Button size="xs" variant="default" onClick={() => setNew(!isNew)} aria-expanded={isNew}>
      {words.newSite}
    </Button>
  );
  return (
    <Section title={words.siteTitle} lead={words.siteLead} actions={account === undefined ? undefined : open}>
      {account === undefined ? (
        <Text size="sm" c="dimmed">
          {words.connect}
        </Text>
      ) : (
        <Stack gap="md">
          <Answered
            of={sites}
            empty={
              <Text size="sm" c="dimmed">
                {words.siteNone}
              </Text>
            }
          >
            {(list) => (
              <Select
                label={words.site}
                data={list.map((site) => ({
                  value: site.siteId,
                  label: words.siteOption(site.siteId, site.country, site.gridZone),
                }))}
                value={siteId}
                onChange={onChoose}
                allowDeselect={false}
                maw={420}
              />
            )}
          </Answered>
          {(isNew || sites.data?.length === 0) && <NewSite onRegistered={() => setNew(true)} />}
        </Stack>
      )}
    </Section>
  );
}

function NewSite({ onRegistered }: { onRegistered: () => void }) {
  const words = useWords(registerWords);
  const parts = useWords(partsWords);
  const [country, setCountry] = useState("");
  const [zone, setZone] = useState("");
  const code = country.trim().toUpperCase();
  const isCountry = /^[A-Z]{2}$/.test(code);
  const isZone = zone.trim() !== "" && new TextEncoder().encode(zone.trim()).length <= 31;
  const plan = async ({ contracts, account }: Chain): Promise<Plan> => {
    const [{ encodeBytes32String }, { countryBytes }] = await Promise.all([
      import("ethers"),
      import("../../../../server/protocol/leaseTerms.ts"),
    ]);
    const named = [countryBytes(code), encodeBytes32String(zone.trim())] as const;
    const siteId = await contracts.registry.registerSite.staticCall(...named);
    return {
      effects: [
        { label: words.siteEffect, before: parts.none, after: words.siteOption(String(siteId), code, zone.trim()) },
        { label: words.siteOperator, before: parts.none, after: `${account.slice(0, 8)}…` },
      ],
      steps: [{ label: words.registerSite, run: () => contracts.registry.registerSite(...named) }],
    };
  };
  const onDone = () => {
    setCountry("");
    setZone("");
    onRegistered();
  };
  return (
    <Group align="flex-start" gap="sm">
      <TextInput
        label={words.country}
        description={words.countryHint}
        value={country}
        onChange={(event) => setCountry(event.currentTarget.value)}
        error={country !== "" && !isCountry && words.badCountry}
        maxLength={2}
        w={170}
      />
      <TextInput
        label={words.gridZone}
        description={words.gridZoneHint}
        value={zone}
        onChange={(event) => setZone(event.currentTarget.value)}
        error={zone !== "" && !isZone && words.badZone}
        w={340}
      />
      <ActionButton
        mt={{ base: 0, sm: 44 }}
        action={{ title: words.registerSite, plan, onDone }}
        disabled={!isCountry || !isZone}
      >
        {words.registerSite}
      </ActionButton>
    </Group>
  );
}
