"""The colours and fonts of every page that Gradio draws here: the app's and the cleaner's, light and dark.

Gives  `THEME`

The colours are those of the edition that runs in the browser (browser/page.css). The fonts are the visitor's own:
nothing is fetched for them.
"""

import gradio as gr


def _theme() -> gr.themes.Base:
    """Return the theme: paper and forest green; each pair of colours is that of light and of dark."""
    green = gr.themes.Color(
        "#f0f6f0", "#e6eee4", "#cfe0d2", "#9ed0ac", "#6fae85", "#2a5c43", "#2a5c43", "#234d38", "#1c3e2d", "#10211a",
        "#0b1712",
    )  # fmt: skip
    stone = gr.themes.Color(
        "#fffdf8", "#f6f2e8", "#e9e4d7", "#d8d1c0", "#a9b3a8", "#76827a", "#5a6459", "#37423a", "#26352c", "#1d2520",
        "#141a16",
    )  # fmt: skip
    theme = gr.themes.Base(
        primary_hue=green,
        secondary_hue=green,
        neutral_hue=stone,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
    )
    pairs = {
        "body_background_fill": ("#f6f2e8", "#141a16"),
        "body_text_color": ("#1f2a22", "#eceee6"),
        "body_text_color_subdued": ("#5a6459", "#a9b3a8"),
        "block_background_fill": ("#fffdf8", "#1d2520"),
        "block_border_color": ("#d8d1c0", "#37423a"),
        "block_label_background_fill": ("#fffdf8", "#1d2520"),
        "block_label_text_color": ("#5a6459", "#a9b3a8"),
        "block_title_text_color": ("#1f2a22", "#eceee6"),
        "link_text_color": ("#2a5c43", "#9ed0ac"),
        "link_text_color_hover": ("#1c3e2d", "#cfe0d2"),
        "link_text_color_visited": ("#2a5c43", "#9ed0ac"),
        "link_text_color_active": ("#2a5c43", "#9ed0ac"),
        "stat_background_fill": ("#2a5c43", "#9ed0ac"),
        "color_accent": ("#2a5c43", None),
        "color_accent_soft": ("#e6eee4", "#26352c"),
        "border_color_accent": ("#2a5c43", "#9ed0ac"),
        "button_primary_background_fill": ("#2a5c43", "#9ed0ac"),
        "button_primary_text_color": ("#ffffff", "#10211a"),
    }
    values = {name: light for name, (light, _) in pairs.items()}
    values |= {f"{name}_dark": dark for name, (_, dark) in pairs.items() if dark}
    return theme.set(**values)


THEME = _theme()
