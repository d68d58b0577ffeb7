"""What those type who look after a running system: dead letters, topics, a check-up."""
