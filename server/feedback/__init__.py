"""Feedback of users: the question on the page, the records, the daily counts, and their copy on the Hub."""
