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


#: The windows in which pages are looked at.
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 900, "height": 620}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 900, "height": 620}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 620}},
}


def look_at(visitor, page, name, *, has_script=True):
    """Take a picture, and return what is wrong with a page: what axe calls grave, and that it is wider than its window.

    Args:
        has_script: axe is a script, and can look only where there may be some.
    """
    visitor.photograph(page, name)
    width, room = page.locator("html").evaluate("page => [page.scrollWidth, page.clientWidth]")
    wrong = [f"{width - room} pixels wider than the window"] * (width > room)
    return wrong + (visitor.grave_findings(page) if has_script else [])
