import { on } from "./content.ts";
import { toast } from "./toast.ts";

/** Copies the text in data-copy and says so on the button. */
export function watchCopy(): void {
  on<HTMLButtonElement>("click", "[data-copy]", async (button) => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? "");
      confirm(button);
    } catch {
      // Browsers give the clipboard to secure pages only.
      toast("danger", "The browser did not allow copying. Select the text and copy it by hand.");
    }
  });
}

function confirm(button: HTMLButtonElement): void {
  if (button.dataset.copied !== undefined) return;
  const label = button.ariaLabel;
  button.dataset.copied = "";
  button.ariaLabel = "Copied";
  setTimeout(() => {
    delete button.dataset.copied;
    button.ariaLabel = label;
  }, 1600);
}
