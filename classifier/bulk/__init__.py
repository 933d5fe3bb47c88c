"""Answer millions of photos: parts that any worker answers, engines that map over them. Not sent to a Space."""
