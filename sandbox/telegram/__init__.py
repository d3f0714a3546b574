"""The Telegram tenant: one bot, its chats and what was said in them."""
