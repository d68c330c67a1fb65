// One chart, as large as the window.

import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

/** Opens it and returns the chart, which also has its `dialog`. `onClose` is called when it was closed. */
export function enlarged(metric, view, onClose) {
  const chart = new Chart(metric, view, { isLarge: true });
  const shut = { type: "button", class: "button quiet", "aria-label": t("Close"), on: { click: () => dialog.close() } };
  const dialog = h(
    "dialog",
    { class: "dialog chart-dialog", "aria-label": metric },
    chart.element,
    h("button", shut, "✕"),
  );
  dialog.addEventListener("close", () => {
    chart.close();
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  return Object.assign(chart, { dialog });
}
