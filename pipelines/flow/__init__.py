"""What takes more than one step: the steps know nothing of each other, and these join them."""
