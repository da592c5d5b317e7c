import { Button } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { useWords } from "../language.tsx";
import { shellWords } from "../words/shell.ts";
import { Empty } from "./States.tsx";

/** A page that fails says so, and leaves the rest standing. */
export class PageFence extends Component<{ children: ReactNode }, { failure: string | undefined }> {
  override state: { failure: string | undefined } = { failure: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { failure } = this.state;
    return failure === undefined ? this.props.children : <FailedPage message={failure} />;
  }
}

function FailedPage({ message }: { message: string }) {
  const words = useWords(shellWords);
  return (
    <Empty title={words.failedPage}>
      <p className="mono">{message}</p>
      <Button variant="default" onClick={() => window.location.reload()}>
        {words.reload}
      </Button>
    </Empty>
  );
}
