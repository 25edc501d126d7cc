"""Whether it is so: a folder a package, a file a contract; support/ has what they share."""
