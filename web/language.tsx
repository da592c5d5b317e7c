import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

// Every word of the portal stands once in web/words/, in both languages; a word that one of them lacks does not compile.

export type Language = "en" | "ja";

type Names = Readonly<Record<string, string>>;
type Phrase = string | ((...about: never[]) => string) | Names;
type Translated<W> = {
  [K in keyof W]: W[K] extends string ? string : W[K] extends Names ? { [N in keyof W[K]]: string } : W[K];
};

/** An area's words in both languages. */
export interface Words<W> {
  readonly en: W;
  readonly ja: Translated<W>;
}

/** An area's words, with equal keys in both languages; a phrase about something is a function of it, names of a kind a record. */
export function inBoth<W extends Record<string, Phrase>>(words: { en: W; ja: NoInfer<Translated<W>> }): Words<W> {
  return words;
}

const KEPT = "rackbond.language";

interface LanguageChoice {
  language: Language;
  choose: (language: Language) => void;
}

const LanguageContext = createContext<LanguageChoice>({ language: "en", choose: () => undefined });

function firstLanguage(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "ja") return kept;
  return navigator.language.startsWith("ja") ? "ja" : "en";
}

/** Holds the language that the portal speaks, and remembers it. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const choice = useMemo(
    () => ({
      language,
      choose: (chosen: Language) => {
        localStorage.setItem(KEPT, chosen);
        setLanguage(chosen);
      },
    }),
    [language],
  );
  return <LanguageContext value={choice}>{children}</LanguageContext>;
}

/** The language spoken, and how to choose another. */
export function useLanguage(): LanguageChoice {
  return use(LanguageContext);
}

/** An area's words in the language spoken. */
export function useWords<W>(words: Words<W>): Translated<W> {
  const { language } = use(LanguageContext);
  return language === "ja" ? words.ja : (words.en as Translated<W>);
}
