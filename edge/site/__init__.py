"""The synthetic site: people, places and cameras that are drawn, so that the truth about them is known."""
