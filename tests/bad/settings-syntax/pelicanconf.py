SITENAME = "Small Site"
LOCALE = ["C"
