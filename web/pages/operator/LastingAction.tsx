import { useState, type ComponentProps } from "react";
import { ActionButton } from "../../action.tsx";

type LastingActionProps = ComponentProps<typeof ActionButton> & {
  /** Whether there is something to do still. */
  isOpen: boolean;
};

/** An action that is over once it was done: its button goes, its dialog stays until it is closed. */
export function LastingAction({ isOpen, action, ...look }: LastingActionProps) {
  const [isDone, setDone] = useState(false);
  if (!isOpen && !isDone) return null;
  const onDone = () => {
    setDone(true);
    action.onDone?.();
  };
  return <ActionButton {...look} action={{ ...action, onDone }} {...(isOpen ? {} : { display: "none" })} />;
}
