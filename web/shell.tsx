import {
  ActionIcon,
  AppShell,
  Box,
  Burger,
  Group,
  NavLink,
  ScrollArea,
  SegmentedControl,
  Stack,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { Suspense, useEffect } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { Glyph } from "./components/Glyph.tsx";
import { Empty, Loading } from "./components/States.tsx";
import { PageFence } from "./components/PageFence.tsx";
import { WalletMenu } from "./components/WalletMenu.tsx";
import { countText } from "./format.ts";
import { useFreshness } from "./freshness.tsx";
import { useLanguage, useWords } from "./language.tsx";
import { NAVIGATION, ROUTES } from "./routes.tsx";
import { shellWords } from "./words/shell.ts";

/** What stands around every page: name, navigation by role, language, colours, wallet, and whether figures are of now. */
export function Shell() {
  const words = useWords(shellWords);
  const [isOpen, { toggle, close }] = useDisclosure();
  const [location] = useLocation();
  useEffect(() => {
    close();
    window.scrollTo(0, 0);
  }, [location, close]);
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !isOpen } }}
      padding={{ base: "md", sm: "lg" }}
    >
      <a className="skip" href="#content">
        {words.skip}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={words.openNavigation} />
            <Link href="/" className="brand">
              <img src="/rackbond.svg" width={26} height={26} alt="" />
              <span>Rackbond</span>
            </Link>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Box visibleFrom="sm">
              <LanguageSwitch />
            </Box>
            <SchemeSwitch />
            <WalletMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label={words.navigation}>
        <AppShell.Section grow component={ScrollArea}>
          <Navigation location={location} />
        </AppShell.Section>
        <AppShell.Section pt="sm">
          <Stack gap="xs">
            <Box hiddenFrom="sm">
              <LanguageSwitch />
            </Box>
            <ContactLine />
          </Stack>
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Box maw={1240} mx="auto">
          <LostContact />
          <PageFence key={location}>
            <Suspense fallback={<Loading lineCount={6} />}>
              <Switch>
                {ROUTES.map(({ path, page }) => (
                  <Route key={path} path={path} component={page} />
                ))}
                <Route>
                  <Empty title={words.notFound}>
                    {words.notFoundHint} <Link href="/">{words.toOverview}</Link>
                  </Empty>
                </Route>
              </Switch>
            </Suspense>
          </PageFence>
        </Box>
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation({ location }: { location: string }) {
  const words = useWords(shellWords);
  return (
    <Stack gap="md">
      {NAVIGATION.map(({ role, links }) => (
        <Stack key={role ?? "all"} gap={2}>
          {role !== undefined && (
            <Text size="xs" fw={600} c="dimmed" px="sm">
              {words[role]}
            </Text>
          )}
          {links.map(({ href, name }) => (
            <NavLink
              key={href}
              component={Link}
              href={href}
              label={words[name]}
              active={location === href || (href === "/markets" && location.startsWith("/markets/"))}
              aria-current={location === href ? "page" : undefined}
              py={6}
              style={{ borderRadius: "var(--mantine-radius-sm)" }}
            />
          ))}
        </Stack>
      ))}
    </Stack>
  );
}

function LanguageSwitch() {
  const words = useWords(shellWords);
  const { language, choose } = useLanguage();
  return (
    <SegmentedControl
      size="xs"
      aria-label={words.language}
      value={language}
      onChange={(chosen) => choose(chosen)}
      data={[
        { value: "en", label: <span lang="en">English</span> },
        { value: "ja", label: <span lang="ja">日本語</span> },
      ]}
    />
  );
}

function SchemeSwitch() {
  const words = useWords(shellWords);
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme("light") === "dark";
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={isDark ? words.toLight : words.toDark}
      onClick={() => setColorScheme(isDark ? "light" : "dark")}
    >
      <Glyph name={isDark ? "sun" : "moon"} />
    </ActionIcon>
  );
}

function ContactLine() {
  const words = useWords(shellWords);
  const { language } = useLanguage();
  const { contact, headBlock } = useFreshness();
  return (
    <Stack gap={2} px="sm">
      <Text size="xs" className={contact === "live" ? "good" : contact === "lost" ? "bad" : ""} role="status">
        ● {words[contact]}
      </Text>
      {headBlock !== undefined && (
        <Text size="xs" c="dimmed" className="figures">
          {words.block(countText(headBlock, language))}
        </Text>
      )}
      <Text size="xs" c="dimmed">
        <a href="/docs" style={{ color: "inherit" }}>
          {words.apiExplorer}
        </a>
      </Text>
    </Stack>
  );
}

function LostContact() {
  const words = useWords(shellWords);
  const { contact } = useFreshness();
  if (contact !== "lost") return null;
  return (
    <Group gap={8} wrap="nowrap" mb="md" p="sm" className="surface warn" role="alert">
      <Glyph name="warn" />
      <Text size="sm">{words.lostHint}</Text>
    </Group>
  );
}
