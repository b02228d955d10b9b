// What htmx leaves open: a frontend that does not answer, and showing the answer on a narrow screen.
"use strict";

document.addEventListener("htmx:sendError", (event) => {
  const target = event.detail.target;
  if (!target || target.id !== "result") return;
  const notice = document.createElement("div");
  notice.className = "notice bad";
  const title = document.createElement("h3");
  title.textContent = "This page's server does not answer";
  const text = document.createElement("p");
  text.textContent = "Start it again with python app.py, then ask once more.";
  notice.append(title, text);
  target.replaceChildren(notice);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "result") return;
  const top = event.detail.target.getBoundingClientRect().top;
  const behaviour = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (top > innerHeight * 0.8 || top < 0) event.detail.target.closest(".panel").scrollIntoView({ behavior: behaviour });
});
