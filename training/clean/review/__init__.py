"""What an export says of photos before a person looks at them: how suspicious each is, and why."""
