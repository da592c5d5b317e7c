import { lazy, type ComponentType } from "react";
import type { shellWords } from "./words/shell.ts";

// Every page of the portal (docs/portal.md §4). A page's code is loaded when it is first shown.

type ShellWords = (typeof shellWords)["en"];
type Named = { [K in keyof ShellWords]: ShellWords[K] extends string ? K : never }[keyof ShellWords];

export interface PageRoute {
  path: string;
  page: ComponentType;
}

const lazily = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

export const ROUTES: readonly PageRoute[] = [
  { path: "/", page: lazily(() => import("./pages/home/HomePage.tsx")) },
  { path: "/facilities/:address", page: lazily(() => import("./pages/facility/FacilityPage.tsx")) },
  { path: "/portfolio", page: lazily(() => import("./pages/portfolio/PortfolioPage.tsx")) },
  { path: "/trade", page: lazily(() => import("./pages/trade/TradePage.tsx")) },
  { path: "/vault", page: lazily(() => import("./pages/vault/VaultPage.tsx")) },
  { path: "/markets", page: lazily(() => import("./pages/markets/MarketsPage.tsx")) },
  { path: "/markets/:id", page: lazily(() => import("./pages/markets/MarketPage.tsx")) },
  { path: "/operator", page: lazily(() => import("./pages/operator/FleetPage.tsx")) },
  { path: "/operator/register", page: lazily(() => import("./pages/operator/RegisterPage.tsx")) },
  { path: "/operator/agent", page: lazily(() => import("./pages/operator/AgentPage.tsx")) },
  { path: "/operator/leases", page: lazily(() => import("./pages/operator/LeasesPage.tsx")) },
  { path: "/audit", page: lazily(() => import("./pages/audit/ProofPage.tsx")) },
  { path: "/audit/search", page: lazily(() => import("./pages/audit/SearchPage.tsx")) },
  { path: "/audit/reserves", page: lazily(() => import("./pages/audit/ReservesPage.tsx")) },
  { path: "/audit/waterfall", page: lazily(() => import("./pages/audit/WaterfallPage.tsx")) },
  { path: "/audit/access", page: lazily(() => import("./pages/audit/AccessPage.tsx")) },
  { path: "/audit/statements", page: lazily(() => import("./pages/audit/StatementsPage.tsx")) },
];

/** What the navigation lists, by role. */
export const NAVIGATION: readonly { role?: Named; links: readonly { href: string; name: Named }[] }[] = [
  { links: [{ href: "/", name: "overview" }] },
  {
    role: "investor",
    links: [
      { href: "/portfolio", name: "portfolio" },
      { href: "/trade", name: "trade" },
      { href: "/vault", name: "vault" },
      { href: "/markets", name: "markets" },
    ],
  },
  {
    role: "operator",
    links: [
      { href: "/operator", name: "fleet" },
      { href: "/operator/register", name: "register" },
      { href: "/operator/agent", name: "agent" },
      { href: "/operator/leases", name: "leases" },
    ],
  },
  {
    role: "auditor",
    links: [
      { href: "/audit", name: "prove" },
      { href: "/audit/search", name: "search" },
      { href: "/audit/reserves", name: "reserves" },
      { href: "/audit/waterfall", name: "waterfall" },
      { href: "/audit/access", name: "access" },
      { href: "/audit/statements", name: "statements" },
    ],
  },
];
