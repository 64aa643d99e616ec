"""Models as the server has them: offered by name, called with care, their tools and images."""
