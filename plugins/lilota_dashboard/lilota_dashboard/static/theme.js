// Before the page is drawn: light or dark, as somebody has chosen here.
"use strict";
const theme = localStorage.getItem("lilota-theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
