"use strict";
// Light or dark: the system's choice until the button is pressed, and then this browser's.
{
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = localStorage.getItem("semrec.theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const turn = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("semrec.theme", root.dataset.theme);
    dispatchEvent(new Event("theme"));
  };
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const tell = () => button.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
    button.addEventListener("click", turn);
    addEventListener("theme", tell);
    system.addEventListener("change", tell);
    tell();
  });
}
