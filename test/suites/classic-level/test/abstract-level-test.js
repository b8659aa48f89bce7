// Test abstract-level compliance
require('abstract-level/test')(require('./common'))
