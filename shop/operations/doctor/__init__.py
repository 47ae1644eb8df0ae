"""`flask doctor`: checks of the settings and of the services that they name, and advice on each finding."""
