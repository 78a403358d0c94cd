"""What of an element people look at."""

from __future__ import annotations


def part(page, name):
    """Return a part of the elements of a page, as a stylesheet would name it."""
    return page.locator(f"[part={name}]")


def bar(page):
    return page.get_by_role("progressbar")


def button(page, name):
    return page.get_by_role("button", name=name)


def events_of(page, *names):
    """Have the page collect events of the elements, and return what returns them: name and detail."""
    page.evaluate(
        """names => { window.heard = []; for (const name of names)
            document.addEventListener(name, event => heard.push([name, event.detail])) }""",
        names,
    )
    return lambda: page.evaluate("heard")
