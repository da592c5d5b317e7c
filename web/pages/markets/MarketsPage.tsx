import { PageHead } from "../../components/PageHead.tsx";
import { Empty } from "../../components/States.tsx";
import { useWords } from "../../language.tsx";
import { shellWords } from "../../words/shell.ts";

export default function MarketsPage() {
  const words = useWords(shellWords);
  return (
    <>
      <PageHead title={words.markets} />
      <Empty />
    </>
  );
}
