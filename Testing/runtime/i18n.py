"""`slicer.i18n`: texts stay as they are, since the stand-in has no translation."""


def tr(text):
    return text


def translate(_context, text):
    return text


def getContext(sourceFile):
    return str(sourceFile)
