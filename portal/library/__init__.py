"""What members come for: tools, resources, nuggets and episodes."""
