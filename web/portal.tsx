import "@mantine/core/styles.css";
import "./portal.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { FreshnessProvider } from "./freshness.tsx";
import { LanguageProvider } from "./language.tsx";
import { Shell } from "./shell.tsx";
import { theme, variables } from "./theme.ts";
import { WalletProvider } from "./wallet.tsx";

const client = new QueryClient();
const place = document.getElementById("portal");
if (place === null) throw new Error("the page has no place for the portal");

createRoot(place).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <LanguageProvider>
        <QueryClientProvider client={client}>
          <FreshnessProvider>
            <WalletProvider>
              <Shell />
            </WalletProvider>
          </FreshnessProvider>
        </QueryClientProvider>
      </LanguageProvider>
    </MantineProvider>
  </StrictMode>,
);
