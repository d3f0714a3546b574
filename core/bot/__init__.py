"""What the bot understands and says: updates, commands, people, pages of text; it sends nothing itself."""
